/* SPDX-License-Identifier: Apache-2.0 */
/* Macros that cppcheck cannot find or follow, spelled out for it; included before each file. */
#define AUTO(f)
#define LIST_HEAD(name, type)                                                                      \
	struct name {                                                                              \
		struct type *lh_first;                                                             \
	}
#define SLIST_HEAD(name, type)  LIST_HEAD(name, type)
#define STAILQ_HEAD(name, type) LIST_HEAD(name, type)
#define TAILQ_HEAD(name, type)  LIST_HEAD(name, type)
