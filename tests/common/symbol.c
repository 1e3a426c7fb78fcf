// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * symbol.c - names for addresses of this program, from its own file
 *
 * The dynamic linker knows no static functions, and a static program has no dynamic linker.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol.h"

extern const char __executable_start[];

struct symbols {
	const Elf64_Sym *sym;
	size_t nr;
	const char *names;
	uintptr_t base;
};

static const char *map_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *file;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return file == MAP_FAILED ? NULL : file;
}

static struct symbols load(void)
{
	const char *file = map_self();
	struct symbols found = { NULL, 0, NULL, 0 };
	const Elf64_Shdr *section;
	const Elf64_Ehdr *head;
	unsigned int i;

	if (!file)
		return found;
	head = (const void *)file;
	section = (const void *)(file + head->e_shoff);
	for (i = 0; i < head->e_shnum; i++) {
		if (section[i].sh_type != SHT_SYMTAB)
			continue;
		found.sym = (const void *)(file + section[i].sh_offset);
		found.nr = section[i].sh_size / sizeof(*found.sym);
		found.names = file + section[section[i].sh_link].sh_offset;
	}
	if (head->e_type == ET_DYN)
		found.base = (uintptr_t)__executable_start;
	return found;
}

/**
 * symbol_name() - the function that an instruction belongs to
 * @pc: its address
 * @name: set to function+offset, or to the address
 *
 * Context: process.
 */
void symbol_name(uintptr_t pc, char name[SYMBOL_NAME])
{
	static struct symbols symbols;
	const Elf64_Sym *best = NULL;
	size_t i;

	if (!symbols.sym)
		symbols = load();
	for (i = 0; i < symbols.nr; i++) {
		const Elf64_Sym *sym = &symbols.sym[i];

		if (ELF64_ST_TYPE(sym->st_info) == STT_FUNC && pc >= symbols.base + sym->st_value &&
		    pc < symbols.base + sym->st_value + sym->st_size)
			best = sym;
	}
	if (best)
		snprintf(name, SYMBOL_NAME, "%.60s+%#lx", symbols.names + best->st_name,
			 (unsigned long)(pc - symbols.base - best->st_value));
	else
		snprintf(name, SYMBOL_NAME, "%#lx", (unsigned long)pc);
}
