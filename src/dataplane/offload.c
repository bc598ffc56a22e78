/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offload.c - what the NIC must not do for us before the program sees a frame.
 *
 * Native XDP sees the frame without tags that the NIC took off: a tagged packet would look like an
 * untagged one and leave as such. (In generic mode the kernel keeps the tag beside the packet and
 * puts it back when that leaves.) Generic XDP comes after GRO and LRO, whose merged packets are
 * larger than any MTU.
 *
 * Features are found by name, as ethtool does: their numbers differ from kernel to kernel.
 * Source: include/uapi/linux/ethtool.h, ETHTOOL_GFEATURES.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "src/base/auto.h"

static const struct {
	const char *feature; /* as the kernel calls it */
	const char *word;    /* as `ethtool -K` takes it */
	bool is_of_native;   /* else of generic mode */
} unwanted[] = {
	{ "rx-vlan-hw-parse", "rxvlan", true },
	{ "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse", true },
	{ "rx-gro", "gro", false },
	{ "rx-gro-hw", "rx-gro-hw", false },
	{ "rx-lro", "lro", false },
};

static int ask(int fd, const char *ifname, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static uint32_t count_features(int fd, const char *ifname)
{
	/* The command's head, with the one number that it answers behind it. */
	struct {
		uint32_t cmd, reserved;
		uint64_t sset_mask;
		uint32_t length, pad;
	} query = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES };

	_Static_assert(offsetof(__typeof__(query), length) ==
			       offsetof(struct ethtool_sset_info, data),
		       "laid out as struct ethtool_sset_info");
	if (ask(fd, ifname, &query) < 0 || !query.sset_mask)
		return 0;
	return query.length;
}

/* The names of all features, each ETH_GSTRING_LEN bytes; for free(). */
static struct ethtool_gstrings *read_names(int fd, const char *ifname, uint32_t n)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);

	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	if (ask(fd, ifname, names) < 0) {
		free(names);
		return NULL;
	}
	return names;
}

static struct ethtool_gfeatures *read_features(int fd, const char *ifname, uint32_t n)
{
	uint32_t blocks = (n + 31) / 32;
	struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));

	if (!features)
		return NULL;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (ask(fd, ifname, features) < 0) {
		free(features);
		return NULL;
	}
	return features;
}

enum life { LIFE_OFF, LIFE_ON, LIFE_ON_FIXED };

static enum life life_of(const struct ethtool_gstrings *names,
			 const struct ethtool_gfeatures *features, const char *feature)
{
	for (uint32_t i = 0; i < names->len; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;
		const struct ethtool_get_features_block *block = &features->features[i / 32];
		uint32_t bit = 1U << (i % 32);

		if (strncmp(name, feature, ETH_GSTRING_LEN) != 0)
			continue;
		if (!(block->active & bit))
			return LIFE_OFF;
		return block->available & bit && !(block->never_changed & bit) ? LIFE_ON
									       : LIFE_ON_FIXED;
	}
	return LIFE_OFF;
}

/* What is on and must not be; nothing when it cannot be asked. */
struct active {
	char words[128]; /* " rxvlan off lro off" */
	bool is_fixed;   /* one of them cannot be turned off */
};

static struct active find_active(const char *ifname, bool is_native)
{
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t n = fd < 0 ? 0 : count_features(fd, ifname);
	AUTO(freep) struct ethtool_gstrings *names = n ? read_names(fd, ifname, n) : NULL;
	AUTO(freep)
	struct ethtool_gfeatures *features = names ? read_features(fd, ifname, n) : NULL;
	struct active ret = { .words = "" };
	size_t used = 0;

	for (size_t i = 0; features && i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
		enum life life = unwanted[i].is_of_native == is_native
					 ? life_of(names, features, unwanted[i].feature)
					 : LIFE_OFF;

		if (life == LIFE_OFF || used >= sizeof(ret.words))
			continue;
		used += (size_t)snprintf(ret.words + used, sizeof(ret.words) - used, " %s off",
					 unwanted[i].word);
		ret.is_fixed = ret.is_fixed || life == LIFE_ON_FIXED;
	}
	return ret;
}

int offload_check(const char *ifname, bool is_native, struct err *err)
{
	struct active active = find_active(ifname, is_native);
	const char *what = is_native
				   ? "the NIC takes VLAN tags off before native XDP sees the frame"
				   : "packets are merged (GRO, LRO) before generic XDP sees them";

	if (!active.words[0])
		return 0;
	if (active.is_fixed)
		return err_set(err, -EROFS, "uplink '%s': %s, and the driver cannot be told not to",
			       ifname, what);
	return err_set(err, -EOPNOTSUPP, "uplink '%s': %s; turn that off: ethtool -K %s%s", ifname,
		       what, ifname, active.words);
}

int dataplane_check_offload(const struct dataplane *dp, uint32_t uplink, struct err *err)
{
	if (uplink >= DATAPLANE_UPLINKS_MAX || !dp->uplinks[uplink].ifindex)
		return 0;
	return offload_check(dp->uplinks[uplink].name, dp->uplinks[uplink].is_native, err);
}

int dataplane_check_interface(const char *ifname, bool is_native, struct err *err)
{
	return offload_check(ifname, is_native, err);
}
