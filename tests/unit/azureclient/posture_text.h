/* SPDX-License-Identifier: Apache-2.0 */
/* A posture as lines of text, so that a test can say all of it at once:
 *   "own ID: read yes, list yes, regenerate no; others not seen\n"
 *   "User ID is Owner at SCOPE: granted yes, barred no\n"
 *   "NAME at SCOPE bars 1 but 1\n"    with "everyone" for 1, "perhaps bars" where there is a
 * condition "not seen: SENTENCE\n" */
#ifndef TESTS_AZURECLIENT_POSTURE_TEXT_H
#define TESTS_AZURECLIENT_POSTURE_TEXT_H

#include "azureclient/azureclient.h"

#include <stddef.h>

void posture_text(const struct azure_posture *posture, char *out, size_t size);

#endif
