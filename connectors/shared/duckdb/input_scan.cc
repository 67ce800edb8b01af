#include "connectors/shared/duckdb/input_scan.h"

#include <cerrno>
#include <duckdb.hpp>
#include <duckdb/common/arrow/arrow_wrapper.hpp>

#include "rapidbyte/sdk/arrow_c.h"

namespace rapidbyte::duck {

using sdk::Result;
using sdk::Status;

void InputScan::GetSchema(ArrowSchema& out) {
  if (const Status status = sdk::export_schema(schema_, &out); !status.ok())
    throw duckdb::InvalidInputException(status.error().message);
}

duckdb::unique_ptr<duckdb::ArrowArrayStreamWrapper> InputScan::ProduceStream(duckdb::ArrowStreamParameters&) {
  auto wrapper = duckdb::make_uniq<duckdb::ArrowArrayStreamWrapper>();
  ArrowArrayStream& stream = wrapper->arrow_array_stream;
  stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    InputScan& all = static_cast<Scan*>(self->private_data)->all;
    return all.remember(sdk::export_schema(all.schema_, out));
  };
  stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
    const Scan& scan = *static_cast<Scan*>(self->private_data);
    return scan.all.next(scan.number, out);
  };
  stream.get_last_error = [](ArrowArrayStream* self) {
    return static_cast<Scan*>(self->private_data)->all.failure_text();
  };
  stream.release = [](ArrowArrayStream* self) {
    delete static_cast<Scan*>(self->private_data);
    self->release = nullptr;
  };
  stream.private_data = new Scan{*this, scans_};
  if (input_ != nullptr) {
    const Status begun = input_->begin_scan(scans_);
    ++scans_;
    if (remember(begun) != 0) throw duckdb::InvalidInputException(begun.error().message);
  }
  return wrapper;
}

void InputScan::feed(Input* input) {
  input_ = input;
  failure_ = {};
  scans_ = 0;
}

int InputScan::next(size_t scan, ArrowArray* out) {
  *out = ArrowArray{};
  // Without an input the query is only being prepared.
  if (input_ == nullptr) return 0;
  Result<bool> more = input_->next(scan, out);
  if (!more.ok()) return remember(more.status());
  return 0;
}

int InputScan::remember(const Status& status) {
  if (status.ok()) return 0;
  failure_ = status;
  return EIO;
}

}  // namespace rapidbyte::duck
