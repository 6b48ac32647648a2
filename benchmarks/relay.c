/* The floor under media relaying: nothing but epoll, recvfrom, a rewritten header, sendto. For benchmarks/media.py.
 *
 * relay N: prints the N ports it listens on, then "ready"; reads the N ports of its peers (loopback); relays leg i to
 * leg i^1 until standard input closes; prints packets relayed and CPU seconds. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0, *sock = calloc(n, sizeof *sock), ep = epoll_create1(0);
    struct sockaddr_in *peer = calloc(n, sizeof *peer);
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < n; i++) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof own;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        sock[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (sock[i] < 0 || bind(sock[i], (struct sockaddr *)&own, size) || getsockname(sock[i], (struct sockaddr *)&own, &size))
            return perror("socket"), 1;
        printf("%d\n", ntohs(own.sin_port));
        epoll_ctl(ep, EPOLL_CTL_ADD, sock[i], &event);
    }
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        int port;
        if (scanf("%d", &port) != 1)
            return 1;
        peer[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = n}, events[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, 0, &event);
    unsigned char packet[2048];
    for (long relayed = 0;;) {
        int ready = epoll_wait(ep, events, 256, -1);
        for (int k = 0; k < ready; k++) {
            int i = events[k].data.u32;
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            if (i == n) {
                if (read(0, packet, sizeof packet) > 0)
                    continue;
                struct rusage used;
                getrusage(RUSAGE_SELF, &used);
                printf("%ld %.6f\n", relayed,
                       used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
                return 0;
            }
            ssize_t length = recvfrom(sock[i], packet, sizeof packet, 0, (struct sockaddr *)&from, &size);
            if (length < 12 || from.sin_port != peer[i].sin_port || from.sin_addr.s_addr != peer[i].sin_addr.s_addr)
                continue;
            *(uint16_t *)(packet + 2) = htons(ntohs(*(uint16_t *)(packet + 2)) + 7);
            *(uint32_t *)(packet + 4) = htonl(ntohl(*(uint32_t *)(packet + 4)) + 7);
            *(uint32_t *)(packet + 8) = 7;
            relayed += sendto(sock[i ^ 1], packet, length, 0, (struct sockaddr *)&peer[i ^ 1], sizeof peer[i]) == length;
        }
    }
}
