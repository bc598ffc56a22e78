/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steer_skel.h - the skeleton that bpftool generates from bpf/steer.bpf.c, without what its code
 * would warn about.
 */
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "steer.skel.h"
#pragma GCC diagnostic pop
