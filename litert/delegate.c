/* SPDX-License-Identifier: MIT
 *
 * The delegate: it reads a graph, makes blocks of its chains, and has the host replace each chain by a node of ours.
 */
#include "delegate.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "node.h"
#include "rest.h"

struct mbconv_litert {
  host_delegate host; /* first: the host's pointer is ours */
  litert_options options;
  pthread_mutex_t mutex; /* guards what follows: several interpreters may be prepared at once */
  litert_node *pending;  /* what the next node that the host makes is to run */
};

static void say(const litert_options *options, const char *format, ...) {
  if (!options->verbose) return;
  va_list arguments;
  va_start(arguments, format);
  fputs("mbconv: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* ---- The host's calls for a node of ours ------------------------------------------------------------------------- */

static void *node_init(host_context *context, const char *partition, size_t size) {
  (void)context, (void)size;
  struct mbconv_litert *delegate = (struct mbconv_litert *)((const host_partition *)(const void *)partition)->delegate;
  litert_node *found = delegate->pending;
  delegate->pending = NULL;
  return found;
}

static void node_free(host_context *context, void *ours) {
  (void)context;
  node_destroy(ours);
}

static const host_registration REGISTRATION = {.init = node_init,
                                               .free = node_free,
                                               .prepare = node_prepare,
                                               .invoke = node_invoke,
                                               .name = "mbconv",
                                               .version = 1};

/* ---- Chains ------------------------------------------------------------------------------------------------------ */

/* A graph that is being prepared: what of it is taken already, and why what stays does so; the latter is NULL unless it
 * is to be said. */
typedef struct litert_work {
  struct mbconv_litert *delegate;
  const litert_graph *graph;
  bool *taken;            /* per operator */
  bool *unknown;          /* per operator: of a chain of int8 whose kernels are not known */
  graph_message *reasons; /* per operator */
  litert_scratch *scratch;
} litert_work;

/* How much of a graph was taken. */
typedef struct litert_tally {
  int chains, operators;
  double multiply_adds;
  double unknown; /* multiply-adds of chains of int8 that stay with the host because its kernels are not known */
} litert_tally;

static bool contains(const host_ints *list, int value) {
  for (int i = 0; list && i < list->count; i++)
    if (list->values[i] == value) return true;
  return false;
}

static host_ints *list_of(const litert_chain *chain) {
  host_ints *list = malloc(sizeof *list + (size_t)chain->node_count * sizeof list->values[0]);
  if (!list) return NULL;
  list->count = chain->node_count;
  memcpy(list->values, chain->nodes, (size_t)chain->node_count * sizeof list->values[0]);
  return list;
}

/* Whether the host would make one node of the chain, which writes y alone. An image between two stages may be an output
 * of the graph, which only the host knows. */
static bool is_one_node(host_context *context, const litert_chain *chain, const host_ints *nodes) {
  host_partition *partitions = NULL;
  int count = 0;
  if (context->preview(context, nodes, &partitions, &count) != HOST_OK || count != 1 || !partitions) return false;
  const host_partition *only = &partitions[0];
  if (!only->outputs || only->outputs->count != 1 || only->outputs->values[0] != chain->y) return false;
  return only->nodes && only->nodes->count == nodes->count && contains(only->inputs, chain->x) &&
         (!chain->added || contains(only->inputs, chain->residual));
}

/* Of each of the chain's operators. */
static void note_reason(const litert_work *work, const litert_chain *chain, const char *reason) {
  for (int i = 0; work->reasons && i < work->graph->op_count; i++)
    for (int k = 0; k < chain->node_count; k++)
      if (work->graph->ops[i].node == chain->nodes[k])
        snprintf(work->reasons[i].text, sizeof work->reasons[i].text, "%s", reason);
}

/* Has the host put a node in the place of the chain's. 1 if so, 0 if the chain stays, -1 if the host failed. */
static int replace(litert_work *work, const litert_chain *chain) {
  mbconv_error error = {0};
  mbconv_block *block = NULL;
  struct mbconv_litert *delegate = work->delegate;
  const litert_graph *graph = work->graph;
  mbconv_options options = {.isa = delegate->options.isa};
  const mbconv_i8_rounding rounding =
      delegate->options.kernels == LITERT_KERNELS_REFERENCE ? MBCONV_I8_TFLITE_DOUBLE : MBCONV_I8_FP32;
  host_ints *nodes = list_of(chain);
  int result = 0;
  if (!nodes || !is_one_node(graph->context, chain, nodes)) {
    note_reason(work, chain, "an image between it and its neighbours is seen by others, or is an output");
  } else if (chain_block(graph, chain, rounding, &options, &block, &error) != MBCONV_OK) {
    note_reason(work, chain, error.message);
  } else {
    delegate->pending = node_create(block, chain, graph->context->tensors[chain->x].dims, work->scratch);
    if (delegate->pending) {
      const int status = graph->context->replace(graph->context, REGISTRATION, nodes, &delegate->host);
      result = status == HOST_OK && !delegate->pending ? 1 : -1;
      node_destroy(delegate->pending);
      delegate->pending = NULL;
    }
  }
  free(nodes);
  return result;
}

/* Without a size in the model nobody knows: then it is taken. */
static bool is_small(const litert_graph *graph, const litert_chain *chain, double least) {
  return graph_is_sized(&graph->context->tensors[chain->x]) && chain_multiply_adds(graph, chain) < least;
}

/* The whole chain, or as much of its beginning as can be had. */
static int replace_some(litert_work *work, litert_chain *chain) {
  const double least = work->delegate->options.least;
  for (;;) {
    const char *slower = least > 0 ? chain_is_slower(work->graph, chain) : NULL;
    if (is_small(work->graph, chain, least)) slower = "too few multiply-adds for a node, which the option least allows";
    if (slower) return note_reason(work, chain, slower), 0;
    const int result = replace(work, chain);
    if (result != 0 || !chain_shorten(chain)) return result;
  }
}

static void mark(const litert_work *work, const litert_chain *chain, bool *marks) {
  for (int i = 0; i < work->graph->op_count; i++)
    for (int k = 0; k < chain->node_count; k++)
      if (work->graph->ops[i].node == chain->nodes[k]) marks[i] = true;
}

static int replace_all(litert_work *work, litert_tally *tally) {
  const litert_graph *graph = work->graph;
  for (int i = 0; i < graph->op_count; i++) {
    litert_chain chain;
    if (work->taken[i] || work->unknown[i] || !chain_find(graph, i, work->taken, work->reasons, &chain)) continue;
    if (chain.type == HOST_I8 && work->delegate->options.kernels == LITERT_KERNELS_UNKNOWN) {
      tally->unknown += chain_multiply_adds(graph, &chain);
      note_reason(work, &chain, "whose bytes int8 has is not known: the option kernels says it");
      mark(work, &chain, work->unknown);
      continue;
    }
    const int result = replace_some(work, &chain);
    if (result < 0) return HOST_ERROR;
    if (result == 0) continue;
    mark(work, &chain, work->taken);
    tally->chains++;
    tally->operators += chain.node_count;
    tally->multiply_adds += chain_multiply_adds(graph, &chain);
  }
  return HOST_OK;
}

static const char *reason_of(const litert_work *work, int i) {
  const graph_op *op = &work->graph->ops[i];
  if (work->reasons[i].text[0]) return work->reasons[i].text;
  if (!graph_name(op->code)) return "blocks have no such operator";
  const bool halves = op->code == HOST_DEQUANTIZE && op->inputs[0] >= 0 &&
                      work->graph->context->tensors[op->inputs[0]].type == HOST_F16;
  return halves ? "chains read its halves where they are" : "it belongs to no chain that was taken";
}

/* A line for each operator that stays. */
static void say_what_stays(const litert_work *work) {
  for (int i = 0; work->reasons && i < work->graph->op_count; i++) {
    if (work->taken[i]) continue;
    const graph_op *op = &work->graph->ops[i];
    const char *name = graph_name(op->code);
    say(&work->delegate->options, "operator %d, %s, stays: %s", op->node, name ? name : "of another kind",
        reason_of(work, i));
  }
}

/* The option, or what the host's interpreter was given: less than 1 is one thread. */
static size_t threads_of(const struct mbconv_litert *delegate, const host_context *context) {
  if (delegate->options.threads) return delegate->options.threads;
  if (context->threads < 1) return 1;
  return context->threads < LITERT_MOST_THREADS ? (size_t)context->threads : LITERT_MOST_THREADS;
}

/* How many threads the host should have for what stays: the context has so many until the host has made its kernels. */
static int lend_threads(const litert_work *work, const litert_tally *tally, size_t threads) {
  const struct mbconv_litert *delegate = work->delegate;
  host_context *context = work->graph->context;
  const int kept = context->threads;
  if (tally->chains == 0) return kept;
  const double rest = rest_work(work->graph, work->taken);
  const int lent = delegate->options.host_threads
                       ? (int)delegate->options.host_threads
                       : rest_threads(rest, tally->multiply_adds, threads, kept, rest_cpus());
  node_scratch_lend(work->scratch, kept, lent);
  return context->threads = lent;
}

static int prepare(host_context *context, host_delegate *host) {
  struct mbconv_litert *delegate = (struct mbconv_litert *)host;
  graph_message message = {0};
  litert_graph graph;
  if (!graph_read(&graph, context, &message)) {
    fprintf(stderr, "mbconv: the graph stays with the host: %s\n", message.text);
    return HOST_OK;
  }
  const size_t threads = threads_of(delegate, context), count = (size_t)graph.op_count + 1;
  litert_work work = {.delegate = delegate,
                      .graph = &graph,
                      .taken = calloc(count, sizeof *work.taken),
                      .unknown = calloc(count, sizeof *work.unknown),
                      .reasons = delegate->options.verbose ? calloc(count, sizeof *work.reasons) : NULL,
                      .scratch = node_scratch_create(threads)};
  litert_tally tally = {0};
  int status = HOST_OK, host_threads = context->threads;
  if (work.taken && work.unknown && work.scratch) {
    pthread_mutex_lock(&delegate->mutex);
    status = replace_all(&work, &tally);
    pthread_mutex_unlock(&delegate->mutex);
    say_what_stays(&work);
    if (status == HOST_OK) host_threads = lend_threads(&work, &tally, threads);
  }
  if (tally.unknown > 0)
    fprintf(stderr,
            "mbconv: convolutions of int8 stay with the host, %.1f million multiply-adds: whose bytes they have is not "
            "known. The option kernels=xnnpack or kernels=reference says it\n",
            tally.unknown / 1e6);
  say(&delegate->options,
      "took %d of %d operators in %d blocks, %.1f million multiply-adds, threads %zu, the host's %d", tally.operators,
      graph.op_count, tally.chains, tally.multiply_adds / 1e6, threads, host_threads < 1 ? 1 : host_threads);
  node_scratch_release(work.scratch);
  free(work.taken);
  free(work.unknown);
  free(work.reasons);
  graph_free(&graph);
  return status;
}

/* ---- Making and ending it ---------------------------------------------------------------------------------------- */

host_delegate *litert_create(const litert_options *options) {
  struct mbconv_litert *delegate = calloc(1, sizeof *delegate);
  if (!delegate) return NULL;
  if (pthread_mutex_init(&delegate->mutex, NULL) != 0) {
    free(delegate);
    return NULL;
  }
  delegate->options = *options;
  delegate->host = (host_delegate){.ours = delegate, .prepare = prepare, .flags = HOST_ALLOWS_DYNAMIC};
  return &delegate->host;
}

void litert_destroy(host_delegate *host) {
  struct mbconv_litert *delegate = (struct mbconv_litert *)host;
  if (!delegate) return;
  pthread_mutex_destroy(&delegate->mutex);
  free(delegate);
}
