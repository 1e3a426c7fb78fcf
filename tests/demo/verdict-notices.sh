#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# verdict-notices.sh BUILDDIR
#
# The verdict on the demonstration is worth something only if it can be bad. Collect what a real
# run leaves, spoil a copy of it in one way after the other, and see that each is noticed.

set -eu

bin=$1/examples
dir=$(mktemp -d --suffix=.verdict)
daemon=

clean_up()
{
	if [ -n "$daemon" ]; then
		kill -KILL "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 143' INT TERM

# A short run with losses; the ledger and three files stay in $dir.
collect()
{
	"$bin/lined" -x -c 65536 -r 10 -l "$dir/ledger" -p "$dir/port" -k "$dir/children" \
		"$dir/stdout" "$dir/stderr" >/dev/null &
	daemon=$!
	while [ ! -e "$dir/port" ]; do
		kill -0 "$daemon" 2>/dev/null || exit 1
		sleep 0.05
	done
	"$bin/line_client" "$(cat "$dir/port")" 4 0.5 abort >/dev/null
	wait "$daemon" 2>/dev/null || true
	daemon=
}

verdict()
{
	"$bin/verdict" "$dir/ledger" "$1/stdout" "$1/stderr" "$1/children"
}

# notices WHAT FILE REASON COMMAND...: spoiled by COMMAND, FILE makes the verdict fail for REASON
notices()
{
	what=$1 file=$2 reason=$3
	shift 3
	rm -rf "$dir/spoiled"
	mkdir "$dir/spoiled"
	cp "$dir/stdout" "$dir/stderr" "$dir/children" "$dir/spoiled"
	"$@" <"$dir/$file" >"$dir/spoiled/$file"
	if cmp -s "$dir/$file" "$dir/spoiled/$file"; then
		echo "FAIL: $what: nothing was spoiled"
		exit 1
	fi
	if verdict "$dir/spoiled" >"$dir/answer" || ! grep -q "^FAIL: $file: $reason" "$dir/answer"; then
		echo "FAIL: $what: the verdict was"
		tail -n 1 "$dir/answer"
		exit 1
	fi
	echo "ok: $what"
}

collect
verdict "$dir" >"$dir/answer" || {
	cat "$dir/answer"
	exit 1
}

# what the awk programs look for: a message of one line, and the lines of a group
one='/^\[[0-9]+:[0-9]+ 1\/1 /'
first='/^\[[0-9]+:[0-9]+ 1\/3 /'
second='/^\[[0-9]+:[0-9]+ 2\/3 /'

notices "a missing message" stdout "message .* is missing" \
	awk "$one && ++n == 5 { next } { print }"
notices "a missing message of a child" children "message .* is missing" \
	awk "$one && ++n == 5 { next } { print }"
# more lines than there are writers: a crash leaves at most one message of each undecided
notices "a missing end" stdout "\(message .* is missing\|the last group\)" head -n -300
notices "an end that is cut off" stdout "the last line is cut off" head -c -3
notices "a message twice" stdout "message twice" \
	awk "{ print } $one && ++n == 5 { print }"
# of two in the wrong order, it is the gap before the second that is met first
notices "messages out of order" stdout "message .* is missing" \
	awk "$one && ++n == 1 { late = \$0; next } { print } END { print late }"
notices "a torn message" stdout "broken line" \
	awk "$one && length > 40 && ++n == 3 { sub(/.. \[/, \"  [\") } { print }"
notices "a fill letter that is wrong" stdout "broken line" \
	awk "$one && /ccccc/ && ++n == 1 { sub(/ccccc/, \"ccdcc\") } { print }"
notices "a group without its second line" stdout "group is interrupted" \
	awk "$second && ++n == 2 { next } { print }"
notices "a group that is interrupted" stdout "group is interrupted" \
	awk "$one { other = \$0 } { print } $first && ++n == 2 { print other }"
notices "text of nobody" stderr "broken line" awk '{ print } NR == 7 { print "hello" }'
notices "a parent's message from a child" children "message of a writer that does not belong" \
	sh -c "cat; grep -m 1 '^\[[0-9]*:[0-9]* 1/1 ' '$dir/stdout'"
notices "losses that nobody had" stderr "loss lines tell of" \
	awk '{ print } END { print "[99999999 messages, 1 bytes lost]" }'
echo "PASS"
