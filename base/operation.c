/* SPDX-License-Identifier: Apache-2.0 */
/* The one verb every operation shares. */
#include "base/operation.h"

#include <stddef.h>

void operation_cancel(struct operation *operation)
{
    if (operation)
        operation->cancel(operation);
}
