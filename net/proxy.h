/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy the environment asks for. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/origin.h"

/* HTTPS_PROXY or HTTP_PROXY by the origin's scheme, else ALL_PROXY (lower case first, as
 * everywhere), unless NO_PROXY matches or the origin is this machine. "" when none. Borrowed from
 * the environment. */
const char *proxy_from_environment(const struct origin *origin);

/* One NO_PROXY list: "*", names with their subdomains, addresses, IPv4 networks, each with an
 * optional port. */
bool proxy_is_excluded(struct text no_proxy, const struct origin *origin);

#endif
