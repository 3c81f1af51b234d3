/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at the allocation a test chooses: all of base, net, the clients, libcurl and
 * jansson get theirs from here. */
#ifndef TESTS_SUPPORT_SCARCE_MEMORY_H
#define TESTS_SUPPORT_SCARCE_MEMORY_H

/* First thing in main(). */
void scarce_memory_install(void);
/* From now on the n-th allocation (from 0) fails, and only that one. Negative: none does. */
void scarce_memory_fail_at(long n);
/* How many there were since. */
long scarce_memory_allocations(void);
/* Blocks that were not given back yet. */
long scarce_memory_held(void);
/* The same, after waiting until it is `expected`, at most 10 s: where libcurl has no memory to read
 * an address it leaves that to a thread, and a thread that is no longer waited for gives back what
 * it has when it gets round to it. */
long scarce_memory_held_soon(long expected);

#endif
