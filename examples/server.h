/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * server.h - connections and the threads that serve them
 */
#ifndef SERVER_H
#define SERVER_H

int server_listen(const char *port_path);
int server_accept(int listen_fd);
int server_begin(unsigned int alarm_period_us);
void server_end(void);

#endif
