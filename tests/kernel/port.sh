#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Usage: port.sh ROOT SOURCE TREE - put ROOT's port into TREE, a hard-linked copy of SOURCE, and
# check what the installer promises:
#
#   - the core's files arrive unchanged, and a second time changes nothing
#   - a copy from which it is taken again is SOURCE again, and SOURCE was not written to
#   - git am takes the patch, and makes of it what was installed
#   - a tree without an anchor is refused, and stays as it is
set -eu
root=$1 source=$2 tree=$3
installer=$root/port/linux/install.sh
[ -e "$installer" ] || { echo "no $installer: only --stock can be tested" >&2; exit 1; }
work=$(mktemp -d)
other=$tree.other
rm -rf "$other"
trap 'rm -rf "$work" "$other"' EXIT
touch "$work/date"
wrong() { echo "port.sh: $*" >&2; exit 1; }

sum() { (cd "$1" && find kernel/bpf include/linux/bpf.h -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

bash "$installer" "$tree"
once=$(sum "$tree")
for file in "$root"/src/*.[ch]; do
	cmp "$file" "$tree/kernel/bpf/bpfstream/${file##*/}" || wrong "the core did not arrive as it is"
done
bash "$installer" "$tree"
[ "$(sum "$tree")" = "$once" ] || wrong "installing twice is not as once"

cp -al "$tree" "$other"
bash "$installer" --revert "$other"
diff -rq --no-dereference --exclude=.git "$source" "$other" || wrong "the reverted tree differs"

git=(git -C "$work/git" -c user.name=port -c user.email=port@localhost -c core.autocrlf=false)
bash "$installer" --patch "$other" >"$work/patch"
mkdir "$work/git"
sed -n 's|^--- a/||p' "$work/patch" >"$work/files"
(cd "$source" && xargs cp --parents -t "$work/git" <"$work/files")
"${git[@]}" init -q
"${git[@]}" add -A
"${git[@]}" commit -qm before
"${git[@]}" am -q "$work/patch" || wrong "git am does not take the patch"
(cd "$work/git" && "${git[@]}" ls-files) | while read -r file; do
	cmp "$work/git/$file" "$tree/$file" || wrong "the patch is not what is installed"
done

sed 's/stream\.o/dream.o/' "$source/kernel/bpf/Makefile" >"$work/Makefile"
rm "$other/kernel/bpf/Makefile"
cp "$work/Makefile" "$other/kernel/bpf/Makefile"
before=$(sum "$other")
if bash "$installer" "$other" >"$work/refusal" 2>&1; then
	wrong "a tree that it cannot know was not refused"
fi
[ "$(sum "$other")" = "$before" ] && [ -s "$work/refusal" ] || wrong "refused, but changed the tree or said nothing"

changed=$(find "$source" -newer "$work/date" -type f ! -path '*/.git/*')
[ -z "$changed" ] || wrong "the source was written to: $changed"
