/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_echo.c - the lab's UDP service: answers each datagram with a name, from the address it was
 * sent to. Usage: udp_echo NAME PORT ADDRESS...   Runs until it is killed.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 16

static int open_socket(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	int fd = -1;

	if (getaddrinfo(address, port, &hints, &found) != 0)
		return -1;
	fd = socket(found->ai_family, SOCK_DGRAM, 0);
	if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

static void answer(int fd, const char *name)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char question[2048], text[64];
	int n = snprintf(text, sizeof(text), "%s\n", name);

	if (recvfrom(fd, question, sizeof(question), 0, (struct sockaddr *)&from, &length) < 0)
		return;
	if (sendto(fd, text, (size_t)n, 0, (const struct sockaddr *)&from, length) < 0)
		perror("udp_echo: sendto");
}

int main(int argc, char **argv)
{
	struct pollfd fds[ADDRESSES_MAX];
	nfds_t n = 0;

	if (argc < 4 || argc - 3 > ADDRESSES_MAX) {
		fprintf(stderr, "usage: udp_echo NAME PORT ADDRESS...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		fds[n].fd = open_socket(argv[i], argv[2]);
		fds[n].events = POLLIN;
		if (fds[n++].fd < 0) {
			fprintf(stderr, "udp_echo: cannot bind %s port %s: %m\n", argv[i], argv[2]);
			return 1;
		}
	}
	while (poll(fds, n, -1) >= 0)
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents & POLLIN)
				answer(fds[i].fd, argv[1]);
	return 1;
}
