/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lb_skel.h - the skeleton that bpftool generates from bpf/lb.bpf.c, without what its code would
 * warn about.
 */
#pragma once

#include "bpf/lb_abi.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "lb.skel.h"
#pragma GCC diagnostic pop
