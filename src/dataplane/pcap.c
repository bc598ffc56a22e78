/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.c - see pcap.h. Lengths come from a file that anybody may have written: each is compared
 * with its bound before it is used.
 */
#include "src/dataplane/pcap.h"

#include <errno.h>
#include <string.h>

#define MAGIC_USEC    0xa1b2c3d4U
#define MAGIC_NSEC    0xa1b23c4dU
#define MAGIC_PCAPNG  0x0a0d0d0aU
#define LINK_ETHERNET 1

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy;
	uint32_t snaplen;
	uint32_t link; /* upper 16 bits: about the frame check sequence */
};

struct record_header {
	uint32_t sec, fraction;
	uint32_t len, wire_len;
};

static uint32_t in_order(const struct pcap_reader *reader, uint32_t word)
{
	return reader->is_swapped ? __builtin_bswap32(word) : word;
}

static int read_magic(struct pcap_reader *reader, uint32_t magic, struct err *err)
{
	uint32_t swapped = __builtin_bswap32(magic);

	reader->is_swapped = swapped == MAGIC_USEC || swapped == MAGIC_NSEC;
	magic = in_order(reader, magic);
	reader->is_nsec = magic == MAGIC_NSEC;
	if (magic == MAGIC_USEC || magic == MAGIC_NSEC)
		return 0;
	if (magic == MAGIC_PCAPNG)
		return err_set(err, -EINVAL,
			       "'%s' is a pcapng file; convert it: editcap -F pcap IN OUT",
			       reader->name);
	return err_set(err, -EINVAL, "'%s' is not a pcap file", reader->name);
}

int pcap_read_start(struct pcap_reader *reader, FILE *file, const char *name, struct err *err)
{
	struct file_header header;
	uint32_t link;
	int r;

	*reader = (struct pcap_reader){ .file = file, .name = name };
	if (fread(&header, sizeof(header), 1, file) != 1)
		return err_set(err, -EINVAL, "'%s' is too short to be a pcap file", name);
	r = read_magic(reader, header.magic, err);
	if (r < 0)
		return r;
	link = in_order(reader, header.link) & 0xffff;
	if (link != LINK_ETHERNET)
		return err_set(err, -EINVAL, "'%s' has link type %u; only Ethernet (1) is read",
			       name, link);
	return 0;
}

int pcap_read(struct pcap_reader *reader, struct pcap_frame *ret, struct err *err)
{
	unsigned long long number = reader->n_read + 1;
	struct record_header header;
	size_t got = fread(&header, 1, sizeof(header), reader->file);

	if (got == 0 && feof(reader->file))
		return 0;
	if (got != sizeof(header))
		return err_set(err, -EINVAL, "'%s': packet %llu: the file ends in its header",
			       reader->name, number);
	ret->sec = in_order(reader, header.sec);
	ret->fraction = in_order(reader, header.fraction);
	ret->len = in_order(reader, header.len);
	ret->wire_len = in_order(reader, header.wire_len);
	if (ret->len > PCAP_FRAME_MAX)
		return err_set(err, -EINVAL, "'%s': packet %llu: %u bytes cannot be", reader->name,
			       number, ret->len);
	if (fread(ret->bytes, 1, ret->len, reader->file) != ret->len)
		return err_set(err, -EINVAL, "'%s': packet %llu: the file ends in it", reader->name,
			       number);
	reader->n_read++;
	return 1;
}

int pcap_write_start(FILE *file, bool is_nsec)
{
	struct file_header header = { .magic = is_nsec ? MAGIC_NSEC : MAGIC_USEC,
				      .major = 2,
				      .minor = 4,
				      .snaplen = PCAP_FRAME_MAX,
				      .link = LINK_ETHERNET };

	errno = EIO;
	return fwrite(&header, sizeof(header), 1, file) == 1 ? 0 : -errno;
}

int pcap_write(FILE *file, uint32_t sec, uint32_t fraction, const void *bytes, uint32_t len)
{
	struct record_header header = { sec, fraction, len, len };

	errno = EIO;
	if (fwrite(&header, sizeof(header), 1, file) != 1 || fwrite(bytes, 1, len, file) != len)
		return -errno;
	return 0;
}
