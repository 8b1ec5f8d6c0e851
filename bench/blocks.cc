// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <map>
#include <sstream>
#include <stdexcept>

#include "blocks_csv.h"

namespace bench {
namespace {

std::vector<std::string> split(const std::string &line) {
  std::vector<std::string> fields;
  std::stringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

// One row, by column name: columns may be added or moved.
class Row {
 public:
  Row(const std::vector<std::string> &columns, const std::string &line) : line_(line) {
    const std::vector<std::string> fields = split(line);
    for (size_t i = 0; i < columns.size() && i < fields.size(); ++i) fields_[columns[i]] = fields[i];
  }

  std::string text(const std::string &column) const {
    const auto field = fields_.find(column);
    if (field == fields_.end() || field->second.empty()) {
      throw std::runtime_error("blocks.csv: no " + column + " in \"" + line_ + "\"");
    }
    return field->second;
  }

  size_t number(const std::string &column) const {
    const std::string digits = text(column);
    if (digits.find_first_not_of("0123456789") != std::string::npos) {
      throw std::runtime_error("blocks.csv: " + column + " is \"" + digits + "\", not a count, in \"" + line_ + "\"");
    }
    return std::stoul(digits);
  }

  template <class Value>
  Value one_of(const std::string &column, const std::map<std::string, Value> &names) const {
    const auto found = names.find(text(column));
    if (found == names.end()) throw std::runtime_error("blocks.csv: unknown " + column + " in \"" + line_ + "\"");
    return found->second;
  }

 private:
  std::string line_;
  std::map<std::string, std::string> fields_;
};

Block to_block(const Row &row) {
  Block block;
  block.name = row.text("block");
  block.height = row.number("height");
  block.width = row.number("width");
  block.in = row.number("in");
  block.expanded = row.number("expanded");
  block.out = row.number("out");
  block.kernel = row.number("kernel");
  block.stride = row.number("stride");
  block.activation = row.one_of<mbconv_activation_kind>(
      "activation", {{"relu6", MBCONV_ACTIVATION_RELU6}, {"silu", MBCONV_ACTIVATION_SILU}});
  block.has_expand = row.one_of<bool>("expand", {{"yes", true}, {"no", false}});
  block.se_width = row.number("se_width");
  return block;
}

}  // namespace

std::vector<Block> read_blocks() {
  std::vector<Block> blocks;
  std::vector<std::string> columns;
  std::stringstream stream(blocks_csv);
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (columns.empty()) {
      columns = split(line);
    } else {
      blocks.push_back(to_block(Row(columns, line)));
    }
  }
  return blocks;
}

}  // namespace bench
