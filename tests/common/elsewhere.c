// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * elsewhere.c - stands in for the suite where a program like it cannot be made
 */
#include <stdio.h>

int main(void)
{
	printf("skipped: " WHY_NOT "\n");
	return 77;
}
