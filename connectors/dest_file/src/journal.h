#pragma once
// Receipts, and the journal that makes a commit of several files one: it says all that is to be done, lies on the disk
// before anything is, and is gone when all is. A run that finds one does the rest of it first.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/dest_file/src/layout.h"
#include "connectors/dest_file/src/listing.h"
#include "rapidbyte/table/dialect.h"

namespace rapidbyte::dest_file {

/// A receipt with the files of its load: for an append those that are committed, for a replace those that are staged.
struct StoredReceipt {
  table::Receipt receipt;
  std::vector<ListedFile> files;
};

/// RECEIPT_FOREIGN (config) when what lies there is another pipeline's; LISTING_DAMAGED (internal).
Result<std::optional<StoredReceipt>> read_receipt(const Layout& layout, const sdk::StreamContext& ctx);
/// By itself, without a journal.
Status write_receipt(const Layout& layout, const sdk::StreamContext& ctx, const StoredReceipt& stored);

struct Journal {
  std::vector<std::pair<std::string, std::string>> moves;  // from, to; whole paths
  std::optional<Listing> listing;
  std::vector<std::string> removals;
  std::optional<StoredReceipt> receipt;

  [[nodiscard]] bool empty() const { return moves.empty() && !listing && removals.empty() && !receipt; }
  /// Commits: from here on all of it will be done, now or by a later run.
  Status commit(const Layout& layout, const sdk::StreamContext& ctx) const;
};

/// Does what runs that were killed have committed for this stream and not done, whichever pipeline's they were: what
/// comes after must not be undone by it. LISTING_DAMAGED (internal).
Status complete_journals(const Layout& layout);

}  // namespace rapidbyte::dest_file
