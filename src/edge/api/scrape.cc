#include "edge/api/scrape.h"

#include <chrono>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace cdc {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

size_t CountEntries(const char* directory) {
  std::error_code error;
  size_t count = 0;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    ++count;
  return count;
}

// The kernel says it in clock ticks since the machine started.
double ProcessStartSeconds() {
  std::string text;
  std::getline(std::ifstream("/proc/self/stat"), text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
  }
  double uptime = 0;
  std::ifstream("/proc/uptime") >> uptime;
  const double started = std::atof(field.c_str()) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(time(nullptr)) - uptime + started;
}

}  // namespace

std::string Scrape::Text() {
  UpdateProcess();
  UpdateProcessors();
  return metrics_.Text();
}

void Scrape::UpdateProcess() {
  static const double started = ProcessStartSeconds();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  uint64_t pages = 0;
  uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident_pages;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto set = [&](const char* name, const char* help, double value) {
    metrics_.Gauge(name, help).Set(value);
  };
  set("process_cpu_seconds_total", "CPU time, user and system.",
      Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  set("process_resident_memory_bytes", "Resident memory.",
      static_cast<double>(resident_pages) * page_bytes);
  set("process_virtual_memory_bytes", "Virtual memory.", static_cast<double>(pages) * page_bytes);
  set("process_open_fds", "Open file descriptors.",
      static_cast<double>(CountEntries("/proc/self/fd")));
  set("process_max_fds", "File descriptors that may be open.", static_cast<double>(files.rlim_cur));
  set("process_threads", "Threads.", static_cast<double>(CountEntries("/proc/self/task")));
  set("process_start_time_seconds", "Start of the process, Unix time.", started);
}

void Scrape::UpdateProcessors() {
  std::lock_guard lock(mutex_);
  std::set<ChangefeedId> here;
  const std::string address = capture_.info().address;
  size_t sorter_bytes = 0;
  const auto show = [&](const ChangefeedId& id, size_t tables) {
    metrics_
        .Gauge("ticdc_processor_num_of_tables", "Tables of the changefeed on this capture.",
               {{"changefeed", id}, {"capture", address}})
        .Set(static_cast<double>(tables));
  };
  for (const ProcessorSummary& processor : capture_.Processors()) {
    here.insert(processor.changefeed);
    show(processor.changefeed, processor.tables.size());
    metrics_
        .Gauge("ticdc_puller_resolved_ts", "What has been received from all regions, Unix ms.",
               {{"changefeed", processor.changefeed}, {"capture", address}})
        .Set(static_cast<double>(processor.position.resolved.unix_ms()));
    metrics_
        .Gauge("ticdc_sorter_resolved_ts_gauge",
               "Up to here the sorters of the changefeed have everything, Unix ms.",
               {{"changefeed", processor.changefeed}, {"capture", address}})
        .Set(static_cast<double>(processor.position.resolved.unix_ms()));
    for (const TableProgress& table : capture_.Progress(processor.changefeed))
      sorter_bytes += table.sorter_bytes;
  }
  for (const ChangefeedId& id : shown_)
    if (!here.contains(id)) show(id, 0);
  shown_.insert(here.begin(), here.end());
  metrics_
      .Gauge("ticdc_sorter_in_memory_data_size_gauge", "Bytes that wait in sorters.",
             {{"capture", address}})
      .Set(static_cast<double>(sorter_bytes));
}

}  // namespace cdc
