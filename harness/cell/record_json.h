/* What a cell says of one sample, as JSON: results/record.schema.json. */
#ifndef SPANBENCH_RECORD_JSON_H
#define SPANBENCH_RECORD_JSON_H

#include "json.h"
#include "sample.h"

struct record_source {
    unsigned protocol;
    const char *allocator, *object; /* names, and the file that owns malloc */
    const struct sample_request *request;
    const struct sample_result *result; /* of a sample in which no check failed */
};

void record_write(struct json *, const struct record_source *);

#endif
