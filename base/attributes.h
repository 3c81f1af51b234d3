/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler extensions the project uses, each behind one word. */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

/* Ignoring the result is an error in the caller. */
#define must_use __attribute__((warn_unused_result))
/* `format` and `first` are argument positions, counted from 1. */
#define printf_like(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
/* Runs `function(&variable)` when the variable leaves its scope. */
#define cleanup_with(function) __attribute__((cleanup(function)))

#endif
