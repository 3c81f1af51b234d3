/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration file may say: one row a key. The reader, the schema and the printed
 * configuration walk these rows; nothing about a key is said anywhere else. */
#ifndef AGENT_ADAPTERS_CONFIG_TABLE_H
#define AGENT_ADAPTERS_CONFIG_TABLE_H

#include "agent/ports/config.h"
#include "base/text.h"

enum key_type {
    /* char * at `at` */
    KEY_TEXT,       /* not empty, printable unless KEY_MULTILINE */
    KEY_NAME,       /* not empty, no white space, no slash, not starting with '-' */
    KEY_VAULT_PATH, /* segments between single slashes; slashes at the ends are dropped */
    KEY_PATH,       /* of a file; relative ones start at the folder of the configuration */
    KEY_URL,        /* http, https; unix:// where KEY_UNIX_TOO */
    KEY_STATE,      /* "sqlite:PATH", the path is kept */
    KEY_WORD_TEXT,  /* one of `words`, kept as a text */
    KEY_KIND,       /* a kind of source that azureclient knows */
    /* uint64_t, unsigned, bool, int */
    KEY_DURATION, /* min..max in milliseconds */
    KEY_INTEGER,  /* min..max */
    KEY_BOOLEAN,
    KEY_WORD, /* one of `words`, kept as its value */
    /* struct config_secret at `at_secret`; a text at `at` */
    KEY_SECRET,
    KEY_SECRET_OR_TEXT,
    KEY_SECRET_OR_URL,
    /* the rest */
    KEY_PUBLIC_KEY, /* uint8_t[32] */
    KEY_SOCKETS,    /* char ** at `at`, size_t at `at_count`; one or a list */
    KEY_URLS,       /* the same */
    KEY_MAP, /* `table`, its rows relative to `at`; bool at `at_present` when that is not 0 */
    KEY_TEXT_OR_MAP, /* as KEY_WORD_TEXT, or `table` relative to the same base */
    KEY_WORD_OR_MAP, /* the first word of `words` stands for a map with that `selector` */
    KEY_LIST,        /* of `table`: pointer at `at`, size_t at `at_count` */
    KEY_LATER,       /* a later version brings it */
};

enum key_flags {
    KEY_REQUIRED = 1,
    KEY_MULTILINE = 2,
    KEY_UNIX_TOO = 4,
    KEY_IS_PRIVATE = 8,    /* a file with a private key: refused when others can read it */
    KEY_SELECTS = 16,      /* its word says which other keys of the table there are */
    KEY_SECOND_PLACE = 32, /* of a field that has a key elsewhere: read here, shown there */
    KEY_IS_SECRET = 64,    /* a file with a secret: others who can read it are warned of */
};

#define WORD_LATER    (-100) /* a word that a later version brings */
#define BIT_OF(value) (1u << (value))

struct config_word {
    const char *word;
    int value;
};

struct config_table;
struct config_key {
    const char *name, *what; /* `what`: one line for people */
    enum key_type type;
    unsigned flags;
    size_t at, at_secret, at_count, at_present;
    const char *fallback; /* as it would stand in the file; NULL: none */
    uint64_t min, max;
    unsigned only_for, needed_for; /* WORD_BITs of the table's selector; 0: for all, for none */
    const struct config_word *words;
    const struct config_table *table;
};

struct config_table {
    size_t size;                   /* of one item of a list */
    const struct config_key *keys; /* ends with a row without a name */
};

extern const struct config_table config_top;

/* NULL when there is no such. */
const struct config_key *table_key(const struct config_table *table, struct text name);
/* The key that says which others there are, or NULL. */
const struct config_key *table_selector(const struct config_table *table);
const struct config_word *word_named(const struct config_word *words, struct text name);
/* The word for a value, never NULL. */
const char *word_of(const struct config_word *words, int value);

#endif
