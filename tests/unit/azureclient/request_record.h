/* SPDX-License-Identifier: Apache-2.0 */
/* What the client asked of Resource Manager in a test, for the one that holds every such request to
 * Microsoft's OpenAPI files (tests/conformance). The answers are the test's own, often nonsense. */
#ifndef TESTS_AZURECLIENT_REQUEST_RECORD_H
#define TESTS_AZURECLIENT_REQUEST_RECORD_H

#include "net/server.h"

/* One line, as the lab writes them, into the directory that KEYDRIFT_LAB_RECORD names, if it names
 * one. */
void request_record(const struct server_request *request);

#endif
