/* SPDX-License-Identifier: Apache-2.0 */
/* Making the listening socket. Plain system calls instead of libuv's, so that everything which can
 * go wrong has gone wrong before there is a handle that would need the loop to be closed. */
#include "net/server_internal.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(int fd, struct failure *why, const char *what, const char *address)
{
    failure_set(why, FAILURE_NETWORK, "cannot %s %s: %s", what, address, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* "127.0.0.1:0" or "[::1]:8210" */
static bool parse_tcp(struct text at, struct sockaddr_storage *address, socklen_t *size)
{
    bool is_v6 = text_starts_with(at, TEXT("["));
    size_t colon = is_v6 ? text_find(at, TEXT("]:")) : text_find(at, TEXT(":"));
    char host[INET6_ADDRSTRLEN];
    struct text name, port_text;
    uint64_t port;

    if (colon == SIZE_MAX)
        return false;
    name = is_v6 ? text_part(at, 1, colon - 1) : text_part(at, 0, colon);
    port_text = text_part(at, colon + (is_v6 ? 2 : 1), at.size);
    if (name.size >= sizeof(host) || !text_parse_u64(port_text, UINT16_MAX, &port))
        return false;
    memcpy(host, name.start, name.size);
    host[name.size] = '\0';

    memset(address, 0, sizeof(*address));
    if (is_v6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *size = sizeof(*v6);
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;

    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    *size = sizeof(*v4);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

static int listen_tcp(struct server *server, const char *listen_at, struct failure *why)
{
    struct sockaddr_storage address;
    socklen_t size;
    int fd, on = 1;

    if (!parse_tcp(text_of(listen_at), &address, &size)) {
        failure_set(why, FAILURE_INVALID,
                    "cannot listen on \"%s\": expected ADDRESS:PORT, [ADDRESS]:PORT or unix:/path",
                    listen_at);
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(fd, why, "listen on", listen_at);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SERVER_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return fail(fd, why, "listen on", listen_at);
    server->port =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

/* True when a socket file is in the way that nobody listens on any more. */
static bool is_stale(const struct sockaddr_un *address, struct failure *why)
{
    struct stat status;
    int fd, error = 0;

    if (lstat(address->sun_path, &status) < 0)
        return errno == ENOENT;
    if (!S_ISSOCK(status.st_mode))
        return failure_set(why, FAILURE_CONFLICT,
                           "cannot listen on %s: a file that is not a socket is in the way",
                           address->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failure_set(why, FAILURE_INTERNAL, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        error = errno;
    close(fd);
    if (error == ECONNREFUSED || error == ENOENT)
        return true;
    if (error == 0 || error == EAGAIN)
        return failure_set(why, FAILURE_CONFLICT,
                           "cannot listen on %s: another process already does", address->sun_path);
    return failure_set(why, FAILURE_CONFLICT, "cannot listen on %s: %s", address->sun_path,
                       strerror(error));
}

static int listen_unix(struct server *server, const char *path, struct failure *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int fd;

    if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path)) {
        failure_set(why, FAILURE_INVALID,
                    "cannot listen on unix:%s: expected an absolute path of at most %zu bytes",
                    path, sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* On Linux the file gets the mode the socket has, so nobody else can connect at any moment,
     * whatever the umask is and whatever other threads create meanwhile. */
    if (fd < 0 || fchmod(fd, 0600) < 0)
        return fail(fd, why, "listen on", path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != EADDRINUSE)
            return fail(fd, why, "listen on", path);
        if (!is_stale(&address, why)) {
            close(fd);
            return -1;
        }
        if ((unlink(path) < 0 && errno != ENOENT) ||
            bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
            return fail(fd, why, "listen on", path);
    }
    if (lstat(path, &status) < 0)
        return fail(fd, why, "listen on", path);
    server->socket_device = status.st_dev;
    server->socket_inode = status.st_ino;
    server->socket_path = memory_string(path);
    if (!server->socket_path) {
        unlink(path);
        return fail(fd, why, "listen on", path);
    }
    if ((status.st_mode & 077) != 0) {
        errno = EACCES;
        return fail(fd, why, "make private", path);
    }
    if (listen(fd, SERVER_BACKLOG) < 0)
        return fail(fd, why, "listen on", path);
    return fd;
}

int server_listen_fd(struct server *server, const char *listen_at, struct failure *why)
{
    server->is_unix = strncmp(listen_at, "unix:", 5) == 0;
    if (server->is_unix)
        return listen_unix(server, listen_at + 5, why);
    return listen_tcp(server, listen_at, why);
}

void server_unlink(struct server *server)
{
    struct stat status;

    if (!server->socket_path)
        return;
    if (lstat(server->socket_path, &status) == 0 && status.st_dev == server->socket_device &&
        status.st_ino == server->socket_inode)
        unlink(server->socket_path);
    /* Once only: the next server at this path may get the same inode number. */
    memory_free(server->socket_path);
    server->socket_path = NULL;
}
