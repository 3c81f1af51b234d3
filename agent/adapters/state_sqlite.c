/* SPDX-License-Identifier: Apache-2.0 */
/* The asynchronous side of the state file.
 *
 * Jobs wait in `queue`; one work item at a time takes them all to `running` and does them in order
 * in a thread of the pool. The lists belong to the loop; a thread sees only `running`, which nobody
 * changes while it works. So there is no lock, and the group grows by itself when the disk is slow.
 */
#include "agent/adapters/state_sqlite.h"

#include "agent/adapters/state_sqlite_file.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

struct job {
    struct operation operation;
    TAILQ_ENTRY(job) link;
    struct sqlite_store *store;
    struct jobs *home;
    bool is_query;
    bool is_skipped;        /* canceled while it waited: not done at all */
    bool is_canceled;       /* a query's answer is no longer wanted; only the loop looks */
    struct failure failure; /* kind 0: none */
    void *context;
    operation_done *done; /* of a commit */
    struct change *changes;
    size_t count;
    records_done *records; /* of a query */
    struct record_query query;
    struct state_rows rows;
    char bytes[]; /* what the texts point to */
};

TAILQ_HEAD(jobs, job);

struct sqlite_store {
    struct state_store store;
    uv_loop_t *loop;
    uv_work_t work;
    bool is_working, is_closing;
    struct jobs queue, running;
    struct state_file file;
    int lock_fd;
    void (*closed)(void *context);
    void *closed_context;
};

/* ---- in the thread --------------------------------------------------------------------------- */

static bool is_commit_to_do(const struct job *job)
{
    return job && !job->is_query && !job->is_skipped;
}

/* Commits from `job` up to the next query are one transaction. Returns the first job behind. */
static struct job *write_group(struct state_file *file, struct job *first)
{
    struct failure why = {0};
    bool is_going = state_file_begin(file, &why);
    struct job *job, *end;

    for (job = first; is_going && is_commit_to_do(job); job = TAILQ_NEXT(job, link)) {
        if (state_file_apply(file, job->changes, job->count, &job->failure))
            continue;
        if (job->failure.kind == FAILURE_CONFLICT || job->failure.kind == FAILURE_INVALID)
            continue;
        why = job->failure;
        is_going = false;
    }
    if (is_going)
        is_going = state_file_end(file, &why);
    for (end = first; is_commit_to_do(end); end = TAILQ_NEXT(end, link))
        if (!is_going) /* also what conflicted, perhaps with one of these */
            end->failure = why;
    return end;
}

static void on_work(uv_work_t *work)
{
    struct sqlite_store *store = work->data;
    struct job *job = TAILQ_FIRST(&store->running);

    while (job) {
        if (is_commit_to_do(job)) {
            job = write_group(&store->file, job);
            continue;
        }
        if (!job->is_skipped &&
            !state_file_read(&store->file, &job->query, &job->rows, &job->failure))
            state_rows_clear(&job->rows);
        job = TAILQ_NEXT(job, link);
    }
}

static void on_close_work(uv_work_t *work)
{
    struct sqlite_store *store = work->data;

    state_file_clear(&store->file);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void job_move(struct job *job, struct jobs *home)
{
    if (job->home)
        TAILQ_REMOVE(job->home, job, link);
    job->home = home;
    if (home)
        TAILQ_INSERT_TAIL(home, job, link);
}

static void job_free(struct job *job)
{
    state_rows_clear(&job->rows);
    memory_free(job->changes);
    memory_free(job);
}

static void job_tell(struct job *job)
{
    const struct failure *failure;

    if (job->is_skipped || (job->is_query && job->is_canceled))
        failure_set(&job->failure, FAILURE_CANCELED, "canceled");
    failure = job->failure.kind ? &job->failure : NULL;
    if (!job->is_query)
        job->done(failure, job->context);
    else if (failure)
        job->records(NULL, 0, failure, job->context);
    else
        job->records(job->rows.records, job->rows.count, NULL, job->context);
}

static void on_worked(uv_work_t *work, int status);
static void on_closed(uv_work_t *work, int status);

static void work_start(struct sqlite_store *store)
{
    struct job *job;
    bool is_last = TAILQ_EMPTY(&store->queue);
    int status;

    if (store->is_working || (is_last && !store->is_closing))
        return;
    while ((job = TAILQ_FIRST(&store->queue)))
        job_move(job, &store->running);
    store->is_working = true;
    status = uv_queue_work(store->loop, &store->work, is_last ? on_close_work : on_work,
                           is_last ? on_closed : on_worked);
    assert(status == 0); /* it fails only without a function */
}

/* The next group is on its way to the disk before anybody is told of this one. */
static void on_worked(uv_work_t *work, int status)
{
    struct sqlite_store *store = work->data;
    struct jobs told = TAILQ_HEAD_INITIALIZER(told);
    struct job *job;

    (void)status;
    store->is_working = false;
    while ((job = TAILQ_FIRST(&store->running)))
        job_move(job, &told);
    if (!TAILQ_EMPTY(&store->queue))
        work_start(store);
    while ((job = TAILQ_FIRST(&told))) {
        job_move(job, NULL);
        job_tell(job);
        job_free(job);
    }
    work_start(store);
}

static void on_closed(uv_work_t *work, int status)
{
    struct sqlite_store *store = work->data;
    void (*closed)(void *context) = store->closed;
    void *context = store->closed_context;

    (void)status;
    state_lock_release(&store->lock_fd);
    memory_free(store);
    closed(context);
}

/* What is being written stays written, and its `done` tells the truth about it. */
static void on_cancel(struct operation *operation)
{
    struct job *job = (struct job *)operation;

    if (job->home == &job->store->queue)
        job->is_skipped = true;
    job->is_canceled = true;
}

static struct job *job_new(struct sqlite_store *store, size_t bytes, void *context)
{
    struct job *job = store->is_closing ? NULL : memory_zeroed(1, sizeof(*job) + bytes);

    if (!job)
        return NULL;
    job->operation.cancel = on_cancel;
    job->store = store;
    job->context = context;
    return job;
}

static struct operation *job_start(struct job *job)
{
    job_move(job, &job->store->queue);
    work_start(job->store);
    return &job->operation;
}

static struct text keep(char **next, struct text text)
{
    char *start = *next;

    if (text.size)
        memcpy(start, text.start, text.size);
    *next += text.size;
    return (struct text){start, text.size};
}

static struct operation *commit(struct state_store *self, const struct change *changes,
                                size_t count, operation_done *done, void *context)
{
    size_t bytes = 0;
    struct job *job;
    char *next;

    for (size_t i = 0; i < count; i++)
        bytes += changes[i].id.size + changes[i].parent.size + changes[i].body.size;
    job = job_new((struct sqlite_store *)self, bytes, context);
    if (!job)
        return NULL;
    job->done = done;
    job->count = count;
    job->changes = memory_zeroed(count ? count : 1, sizeof(*changes));
    if (!job->changes) {
        job_free(job);
        return NULL;
    }
    next = job->bytes;
    for (size_t i = 0; i < count; i++) {
        job->changes[i] = changes[i];
        job->changes[i].id = keep(&next, changes[i].id);
        job->changes[i].parent = keep(&next, changes[i].parent);
        job->changes[i].body = keep(&next, changes[i].body);
    }
    return job_start(job);
}

static struct operation *query(struct state_store *self, const struct record_query *query,
                               records_done *done, void *context)
{
    struct job *job =
        job_new((struct sqlite_store *)self, query->id.size + query->parent.size, context);
    char *next;

    if (!job)
        return NULL;
    next = job->bytes;
    job->is_query = true;
    job->records = done;
    job->query = *query;
    job->query.id = keep(&next, query->id);
    job->query.parent = keep(&next, query->parent);
    return job_start(job);
}

static bool try_lock_execution(struct state_store *self, struct failure *why)
{
    struct sqlite_store *store = (struct sqlite_store *)self;

    return state_lock_take(store->file.path, &store->lock_fd, why);
}

static void unlock_execution(struct state_store *self)
{
    state_lock_release(&((struct sqlite_store *)self)->lock_fd);
}

struct state_store *state_sqlite_open(uv_loop_t *loop, const char *path, struct failure *why)
{
    struct sqlite_store *store = memory_zeroed(1, sizeof(*store));

    if (!store) {
        failure_out_of_memory(why);
        return NULL;
    }
    if (!state_file_init(&store->file, path, why)) {
        memory_free(store);
        return NULL;
    }
    store->store = (struct state_store){commit, query, try_lock_execution, unlock_execution};
    store->loop = loop;
    store->work.data = store;
    store->lock_fd = -1;
    TAILQ_INIT(&store->queue);
    TAILQ_INIT(&store->running);
    return &store->store;
}

void state_sqlite_close(struct state_store *self, void (*closed)(void *context), void *context)
{
    struct sqlite_store *store = (struct sqlite_store *)self;
    struct job *job;

    assert(!store->is_closing);
    store->is_closing = true;
    store->closed = closed;
    store->closed_context = context;
    TAILQ_FOREACH (job, &store->queue, link)
        if (job->is_query)
            on_cancel(&job->operation);
    TAILQ_FOREACH (job, &store->running, link)
        job->is_canceled = true;
    work_start(store);
}
