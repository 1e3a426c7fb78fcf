/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bpfraw.h - bpf(2) by hand, for the static programs of the test guest: no libbpf, no clang
 *
 * A program is assembled here from instructions; what a newer kernel's headers would name is named
 * here. Calls return what the system call returns, or -errno.
 */
#ifndef BPFRAW_H
#define BPFRAW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/btf.h>

#define BPFRAW_STREAM_READ	37	/* BPF_PROG_STREAM_READ_BY_FD */
#define BPFRAW_STDOUT		1
#define BPFRAW_STDERR		2
#define BPFRAW_MAX_ARGS		12	/* of a format */
#define BPFRAW_MAX_INSNS	1024
#define BPFRAW_MAX_RUN		60000u	/* may_goto looks at the clock after 65535 rounds */

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* What the command takes: 20 bytes of the union that bpf(2) has. */
struct bpfraw_stream_read {
	uint64_t buf;
	uint32_t len;
	uint32_t id;
	uint32_t prog_fd;
	uint32_t tail;		/* not of the command */
};

#define BPFRAW_STREAM_READ_SIZE	20u

static inline long bpfraw_call(int cmd, const void *attr, size_t size)
{
	long ret = syscall(SYS_bpf, cmd, attr, size);

	return ret < 0 ? -errno : ret;
}

static inline long bpfraw_stream_read(int prog_fd, uint32_t id, void *buf, uint32_t len)
{
	struct bpfraw_stream_read attr = {
		.buf = (uintptr_t)buf, .len = len, .id = id, .prog_fd = (uint32_t)prog_fd,
	};

	return bpfraw_call(BPFRAW_STREAM_READ, &attr, BPFRAW_STREAM_READ_SIZE);
}

/* ---- the kernel's types ---- */

struct bpfraw_btf {
	const struct btf_header *header;	/* NULL: there is none */
	const unsigned char *types;
	const unsigned char *end;
	const char *strings;
};

static inline struct bpfraw_btf bpfraw_read_btf(const char *path)
{
	struct bpfraw_btf btf = { NULL, NULL, NULL, NULL };
	size_t size = (size_t)64 << 20;
	size_t have = 0;
	unsigned char *data;
	ssize_t ret;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return btf;
	data = malloc(size);
	while (data && (ret = read(fd, data + have, size - have)) > 0)
		have += (size_t)ret;
	close(fd);
	if (have < sizeof(*btf.header))
		return btf;
	btf.header = (const struct btf_header *)(const void *)data;
	btf.types = data + btf.header->hdr_len + btf.header->type_off;
	btf.end = btf.types + btf.header->type_len;
	btf.strings = (const char *)data + btf.header->hdr_len + btf.header->str_off;
	return btf;
}

/* What follows a type's three words. */
static inline size_t bpfraw_btf_extra(uint32_t kind, uint32_t vlen)
{
	switch (kind) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return 8 * (size_t)vlen;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return 12 * (size_t)vlen;
	default:
		return 0;
	}
}

/* The id of the kernel's function @name in its own types; -ENOENT if it is not there. */
static inline int bpfraw_kernel_func(const char *name)
{
	static struct bpfraw_btf btf;
	const unsigned char *p;
	int id = 1;

	if (!btf.header)
		btf = bpfraw_read_btf("/sys/kernel/btf/vmlinux");
	for (p = btf.types; p < btf.end; id++) {
		const struct btf_type *type = (const struct btf_type *)(const void *)p;
		uint32_t kind = BTF_INFO_KIND(type->info);

		if (kind == BTF_KIND_FUNC && !strcmp(btf.strings + type->name_off, name))
			return id;
		p += sizeof(*type) + bpfraw_btf_extra(kind, BTF_INFO_VLEN(type->info));
	}
	return -ENOENT;
}

/* ---- maps ---- */

static inline int bpfraw_map(uint32_t type, uint32_t value_size, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = 4;
	attr.value_size = value_size;
	attr.max_entries = entries;
	attr.map_flags = flags;
	return (int)bpfraw_call(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static inline long bpfraw_map_elem(int cmd, int fd, uint32_t key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	return bpfraw_call(cmd, &attr, sizeof(attr));
}

/* A frozen map with one value that only programs read: what the verifier takes for a constant. */
static inline int bpfraw_const_map(const void *value, uint32_t size)
{
	union bpf_attr attr;
	long err;
	int fd;

	fd = bpfraw_map(BPF_MAP_TYPE_ARRAY, size, 1, BPF_F_RDONLY_PROG);
	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	err = bpfraw_map_elem(BPF_MAP_UPDATE_ELEM, fd, 0, value);
	if (!err)
		err = bpfraw_call(BPF_MAP_FREEZE, &attr, sizeof(attr));
	if (!err)
		return fd;
	close(fd);
	return (int)err;
}

/* ---- instructions ---- */

struct bpfraw_code {
	struct bpf_insn insn[BPFRAW_MAX_INSNS];
	uint32_t len;
};

static inline void bpfraw_emit(struct bpfraw_code *c, uint32_t code, uint8_t dst, uint8_t src,
			       int off, int32_t imm)
{
	struct bpf_insn insn = { .code = (uint8_t)code, .off = (int16_t)off, .imm = imm };

	insn.dst_reg = dst & 15u;
	insn.src_reg = src & 15u;
	if (c->len == BPFRAW_MAX_INSNS) {
		fputs("bpfraw: a program of too many instructions\n", stderr);
		exit(2);
	}
	c->insn[c->len++] = insn;
}

static inline void bpfraw_mov(struct bpfraw_code *c, uint8_t dst, uint8_t src)
{
	bpfraw_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static inline void bpfraw_movi(struct bpfraw_code *c, uint8_t dst, int32_t imm)
{
	bpfraw_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static inline void bpfraw_alui(struct bpfraw_code *c, uint8_t op, uint8_t dst, int32_t imm)
{
	bpfraw_emit(c, (uint32_t)BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

static inline void bpfraw_load(struct bpfraw_code *c, uint8_t dst, uint8_t src, int off)
{
	bpfraw_emit(c, BPF_LDX | BPF_MEM | BPF_DW, dst, src, off, 0);
}

static inline void bpfraw_store(struct bpfraw_code *c, uint8_t dst, int off, uint8_t src)
{
	bpfraw_emit(c, BPF_STX | BPF_MEM | BPF_DW, dst, src, off, 0);
}

static inline void bpfraw_storei(struct bpfraw_code *c, uint8_t dst, int off, int32_t imm)
{
	bpfraw_emit(c, BPF_ST | BPF_MEM | BPF_DW, dst, 0, off, imm);
}

/* Count one up, in memory. */
static inline void bpfraw_count(struct bpfraw_code *c, uint8_t dst, int off, uint8_t scratch)
{
	bpfraw_load(c, scratch, dst, off);
	bpfraw_alui(c, BPF_ADD, scratch, 1);
	bpfraw_store(c, dst, off, scratch);
}

/* @dst = address of byte @off of the only value of a map */
static inline void bpfraw_map_value(struct bpfraw_code *c, uint8_t dst, int map, uint32_t off)
{
	bpfraw_emit(c, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_VALUE, 0, map);
	bpfraw_emit(c, 0, 0, 0, 0, (int32_t)off);
}

static inline void bpfraw_map_fd(struct bpfraw_code *c, uint8_t dst, int map)
{
	bpfraw_emit(c, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map);
	bpfraw_emit(c, 0, 0, 0, 0, 0);
}

static inline void bpfraw_kfunc(struct bpfraw_code *c, int id)
{
	bpfraw_emit(c, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, id);
}

static inline void bpfraw_helper(struct bpfraw_code *c, int id)
{
	bpfraw_emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

/* Jumps return their place; bpfraw_land() makes the one at @place end up here. */
static inline uint32_t bpfraw_jump(struct bpfraw_code *c, uint8_t op, uint8_t dst, int32_t imm)
{
	bpfraw_emit(c, (uint32_t)BPF_JMP | op | BPF_K, dst, 0, 0, imm);
	return c->len - 1;
}

static inline uint32_t bpfraw_may_goto(struct bpfraw_code *c)
{
	return bpfraw_jump(c, 0xe0, 0, 0);
}

static inline void bpfraw_land(struct bpfraw_code *c, uint32_t place)
{
	c->insn[place].off = (int16_t)(c->len - place - 1);
}

static inline void bpfraw_jump_back(struct bpfraw_code *c, uint32_t to)
{
	bpfraw_emit(c, BPF_JMP | BPF_JA, 0, 0, (int)to - (int)c->len - 1, 0);
}

static inline void bpfraw_exit(struct bpfraw_code *c)
{
	bpfraw_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ---- programs ---- */

static char bpfraw_log[1 << 16];	/* the verifier's, of the last load that failed */

/* @attr: what is particular about the program; its instructions and the rest are filled in */
static inline int bpfraw_load_attr(uint32_t type, const struct bpfraw_code *c, union bpf_attr *attr)
{
	long fd;

	attr->prog_type = type;
	attr->insns = (uintptr_t)c->insn;
	attr->insn_cnt = c->len;
	attr->license = (uintptr_t)"GPL";
	if (type == BPF_PROG_TYPE_SYSCALL)
		attr->prog_flags |= BPF_F_SLEEPABLE;
	fd = bpfraw_call(BPF_PROG_LOAD, attr, sizeof(*attr));
	if (fd < 0) {
		/* Again, to hear why; the answer is the first call's. */
		attr->log_level = 1;
		attr->log_buf = (uintptr_t)bpfraw_log;
		attr->log_size = sizeof(bpfraw_log);
		bpfraw_log[0] = '\0';
		bpfraw_call(BPF_PROG_LOAD, attr, sizeof(*attr));
	}
	return (int)fd;
}

static inline int bpfraw_prog(uint32_t type, const struct bpfraw_code *c)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return bpfraw_load_attr(type, c, &attr);
}

/* Run a SYSCALL program once over @ctx; its value, or -errno if it could not be run. */
static inline long bpfraw_run(int fd, void *ctx, uint32_t size)
{
	union bpf_attr attr;
	long err;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.ctx_in = (uintptr_t)ctx;
	attr.test.ctx_size_in = size;
	err = bpfraw_call(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	return err < 0 ? err : (int32_t)attr.test.retval;
}

/* Attach; the fd holds it. @name: a raw tracepoint, or NULL for what a TRACING program names itself. */
static inline int bpfraw_attach(const char *name, int prog_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = (uintptr_t)name;
	attr.raw_tracepoint.prog_fd = (uint32_t)prog_fd;
	return (int)bpfraw_call(BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
}

/* ---- the guest ---- */

static inline const char *bpfraw_errno_name(long err)
{
	static char buf[32];
	const char *name;

	if (err >= 0) {
		snprintf(buf, sizeof(buf), "%ld", err);
		return buf;
	}
	name = strerrorname_np((int)-err);
	if (name)
		return name;
	snprintf(buf, sizeof(buf), "errno %ld", -err);
	return buf;
}

static inline long bpfraw_meminfo_kb(const char *key)
{
	size_t len = strlen(key);
	char line[128];
	long kb = -1;
	FILE *f;

	f = fopen("/proc/meminfo", "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			kb = atol(line + len + 1);
	fclose(f);
	return kb;
}

/* ---- what the kernel complains of ---- */

static inline int bpfraw_kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		perror("/dev/kmsg");
	else
		lseek(fd, 0, SEEK_END);
	return fd;
}

static inline bool bpfraw_is_complaint(const char *s)
{
	static const char *const heads[] = { "WARNING:", "BUG:", "INFO:", "UBSAN:", "rcu: INFO:" };
	size_t i;

	/* An emulator is slow, and a stack dump in an NMI takes its time. */
	if (!strncmp(s, "INFO: NMI handler", 17))
		return false;
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		if (!strncmp(s, heads[i], strlen(heads[i])))
			return true;
	return false;
}

/*
 * Read on in the kernel's log: complaints and what follows them are printed, as KERNEL lines. How
 * many there were.
 */
static inline unsigned int bpfraw_complaints(int fd)
{
	static unsigned int to_print;
	unsigned int found = 0;
	char record[8192];
	ssize_t n;

	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *message;

		if (n <= 0)
			continue;	/* overwritten before we came to it */
		record[n] = '\0';
		message = strchr(record, ';');
		if (!message)
			continue;
		message++;
		message[strcspn(message, "\n")] = '\0';
		if (bpfraw_is_complaint(message)) {
			found++;
			to_print = 60;
		}
		if (to_print) {
			to_print--;
			printf("KERNEL %s\n", message);
		}
	}
	return found;
}

/* ---- losses ---- */

/* What @prog_fd's streams have lost, by /proc/self/fdinfo; false where the kernel does not tell. */
static inline bool bpfraw_lost(int prog_fd, uint32_t id, uint64_t *messages, uint64_t *bytes)
{
	const char *key = id == BPFRAW_STDOUT ? "stream_lost_stdout:" : "stream_lost_stderr:";
	bool found = false;
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", prog_fd);
	f = fopen(line, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		char *end;

		if (strncmp(line, key, strlen(key)))
			continue;
		*messages = strtoull(line + strlen(key), &end, 10);
		*bytes = strtoull(end, NULL, 10);
		found = true;
	}
	fclose(f);
	return found;
}

#endif
