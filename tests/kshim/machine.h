/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * machine.h - between the kernel's side of the test and the host's, which share no header
 *
 * The functions below drive the core as the kernel's shim builds it. They return 0, or the line of
 * machine.c that found something wrong.
 */
#ifndef KSHIM_MACHINE_H
#define KSHIM_MACHINE_H

int kshim_every_length(void);
int kshim_random_traffic(unsigned int seed);
int kshim_full_stream(void);
int kshim_stage(void);
int kshim_loss_line(void);
int kshim_no_page(void);
unsigned long kshim_page_size(void);

int kshim_pages_used(unsigned int pages);
int kshim_pages_used_up(void);
int kshim_read_all(void);
int kshim_early_initcall(void);	/* percpu.c's */
int kshim_initcall(void);
void kshim_refill(void);
void kshim_run(void *work);
void kshim_drop_spares(void);
void kshim_go_deep(void);
void kshim_come_back(void);
void kshim_retire(void);

#endif
