/* ids DOMAIN: numbers and binary addresses are those of the texts beside them, and what is not whole is told by bits. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"

static nfm_frame_t *crawl(nfm_domain_t *domain, uint64_t sections, uint64_t rows)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame = NULL;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = sections;
    options.row_limit = rows;
    options.time_limit_ns = 20000000000u;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    return frame;
}

static void address_is(uint32_t family, const uint8_t *ip, const char *address)
{
    char text[INET6_ADDRSTRLEN];

    CHECK(family == AF_INET || family == AF_INET6);
    CHECK(inet_ntop((int)family, ip, text, sizeof(text)) && strcmp(text, address) == 0);
}

static void connections(const nfm_frame_t *frame)
{
    static const struct {
        const char *name;
        uint32_t id;
    } protocols[] = {{"tcp", IPPROTO_TCP}, {"tcp6", IPPROTO_TCP},   {"udp", IPPROTO_UDP}, {"udp6", IPPROTO_UDP},
                     {"raw", IPPROTO_RAW}, {"icmp", IPPROTO_ICMP}, {"icmp6", IPPROTO_ICMPV6}};
    unsigned v4 = 0, v6 = 0, unix_sockets = 0, listen = 0, established = 0, i;

    NFM_FOREACH(nfm_connection_t, one, nfm_frame_connections, frame) {
        CHECK(one->known & NFM_CONNECTION_FAMILY);
        for (i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
            if (strcmp(one->protocol, protocols[i].name) == 0)
                CHECK(one->known & NFM_CONNECTION_PROTOCOL_ID && one->protocol_id == protocols[i].id);
        if (one->family == AF_UNIX) {
            CHECK(strcmp(one->protocol, "unix") == 0 && !(one->known & NFM_CONNECTION_PROTOCOL_ID));
            CHECK(!(one->known & (NFM_CONNECTION_LOCAL_IP | NFM_CONNECTION_REMOTE_IP)));
            unix_sockets++;
            continue;
        }
        *(one->family == AF_INET6 ? &v6 : &v4) += 1;
        CHECK(!(one->known & NFM_CONNECTION_LOCAL_IP) == !one->local_address);
        if (one->local_address)
            address_is(one->family, one->local_ip, one->local_address);
        if (one->remote_address)
            address_is(one->family, one->remote_ip, one->remote_address);
        if (one->state && strcmp(one->state, "LISTEN") == 0)
            CHECK(one->state_id == 10 && ++listen);
        if (one->state && strcmp(one->state, "ESTABLISHED") == 0)
            CHECK(one->state_id == 1 && ++established);
    }
    CHECK(v4 > 3 && v6 > 0 && unix_sockets > 0 && listen > 0 && established > 0);
}

static void incomplete(const nfm_frame_t *frame)
{
    const nfm_frame_info_t *info = nfm_frame_info(frame);
    unsigned problems = 0;

    CHECK(info->known & NFM_FRAME_INFO_INCOMPLETE_SECTIONS && !info->complete);
    CHECK(info->incomplete_sections & NFM_SECTION_PROCESSES && !(info->incomplete_sections & NFM_SECTION_OS));
    NFM_FOREACH(nfm_problem_t, problem, nfm_frame_problems, frame) {
        CHECK(problem->known & NFM_PROBLEM_SECTION_BIT);
        CHECK(problem->section_bit == nfm_section_bit(problem->section));
        problems++;
    }
    CHECK(problems > 0);
}

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_domain_t *domain = NULL;
    nfm_frame_t *frame;

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    CHECK(nfm_open_domain(argv[1], &options, &domain, NULL) == NFM_OK);
    frame = crawl(domain, NFM_SECTION_CONNECTIONS, 0);
    connections(frame);
    CHECK(nfm_frame_info(frame)->incomplete_sections == 0);
    nfm_frame_free(frame);
    frame = crawl(domain, NFM_SECTION_OS | NFM_SECTION_PROCESSES, 10);
    incomplete(frame);
    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}
