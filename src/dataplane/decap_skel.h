/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap_skel.h - the skeleton that bpftool generates from bpf/decap.bpf.c, without what its code
 * would warn about.
 */
#pragma once

#include "bpf/decap_abi.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "decap.skel.h"
#pragma GCC diagnostic pop
