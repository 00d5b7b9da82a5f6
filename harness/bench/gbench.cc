#include "gbench.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <vector>

namespace {

std::vector<benchmark::BenchmarkReporter::Run> entries;
gbench_outcome last; // of the benchmark that runs, or ran last

class Collector : public benchmark::BenchmarkReporter {
  public:
    bool ReportContext(const Context &) override {
        return true;
    }

    // Called after each benchmark, with its one run.
    void ReportRuns(const std::vector<Run> &runs) override {
        if (last.discard)
            return;
        for (Run run : runs) {
            run.run_name.iterations.clear();
            run.run_name.time_type.clear();
            run.threads              = last.threads;
            run.iterations           = static_cast<benchmark::IterationCount>(last.operations);
            run.time_unit            = benchmark::kNanosecond;
            run.cpu_accumulated_time = last.cpu_seconds;
            entries.push_back(run);
        }
    }
};

} // namespace

bool gbench_initialize(int *argc, char **argv) {
    benchmark::Initialize(argc, argv);
    return *argc <= 1;
}

void gbench_register(const char *name, gbench_function *function, void *arg) {
    benchmark::RegisterBenchmark(name,
                                 [function, arg](benchmark::State &state) {
                                     for (auto _ : state) {
                                         last = gbench_outcome();
                                         function(arg, &last);
                                         state.SetIterationTime(last.wall_seconds);
                                     }
                                     for (size_t i = 0; i < last.counters; i++)
                                         state.counters[last.counter[i].name] =
                                             last.counter[i].value;
                                     if (last.error || last.discard)
                                         state.SkipWithError(last.error ? last.error : "not run");
                                 })
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

size_t gbench_run(void) {
    Collector collector;
    const size_t matched = benchmark::RunSpecifiedBenchmarks(&collector);
    benchmark::ClearRegisteredBenchmarks();
    return matched;
}

char *gbench_json(void) {
    std::ostringstream out, err;
    benchmark::JSONReporter reporter;
    reporter.SetOutputStream(&out);
    reporter.SetErrorStream(&err);
    reporter.ReportContext(benchmark::BenchmarkReporter::Context());
    reporter.ReportRuns(entries);
    reporter.Finalize();
    return strdup(out.str().c_str());
}
