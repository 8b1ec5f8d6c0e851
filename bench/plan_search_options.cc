// SPDX-License-Identifier: MIT
#include "plan_search_options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

const char usage[] =
    "usage: mbconv_plan_search [--blocks NAME,...] [--isa NAME,...] [--seconds N] [--se] [--layout nhwc|nchw]"
    " [--csv FILE]\n"
    "  --blocks   of blocks.csv; default all\n"
    "  --isa      usable sets; default all but scalar\n"
    "  --seconds  for each block on each set; default 3\n"
    "  --se       with squeeze-excite, blocks that have it only\n"
    "  --layout   of x and y; default nhwc\n"
    "  --csv      one row per block and set, with the plans in full\n";

[[noreturn]] void refuse(const std::string &why) { throw std::runtime_error(why + "\n" + usage); }

std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> words;
  std::stringstream stream(list);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

std::vector<Block> blocks_of(const std::string &names) {
  const std::vector<Block> known = read_blocks();
  std::vector<Block> blocks;
  for (const std::string &name : split(names)) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const Block &block) { return block.name == name; });
    if (found == known.end()) refuse("no block is called " + name);
    blocks.push_back(*found);
  }
  return blocks;
}

std::vector<mbconv_isa> usable_isas() {
  std::vector<mbconv_isa> isas(mbconv_usable_isas(nullptr, 0));
  mbconv_usable_isas(isas.data(), isas.size());
  return isas;
}

std::vector<mbconv_isa> isas_of(const std::string &names) {
  const std::vector<mbconv_isa> usable = usable_isas();
  std::vector<mbconv_isa> isas;
  for (const std::string &name : split(names)) {
    const auto found =
        std::find_if(usable.begin(), usable.end(), [&](auto isa) { return name == mbconv_isa_name(isa); });
    if (found == usable.end()) refuse("no set that is usable here is called " + name);
    isas.push_back(*found);
  }
  return isas;
}

double seconds_of(const std::string &text) {
  std::stringstream stream(text);
  double seconds = 0;
  if (!(stream >> seconds) || !stream.eof() || !(seconds > 0)) refuse("not a number of seconds: " + text);
  return seconds;
}

mbconv_layout layout_of(const std::string &name) {
  if (name != "nhwc" && name != "nchw") refuse("unknown layout: " + name);
  return name == "nhwc" ? MBCONV_NHWC : MBCONV_NCHW;
}

}  // namespace

SearchOptions parse_search_options(int argc, char **argv) {
  SearchOptions options;
  options.blocks = read_blocks();
  options.isas = usable_isas();
  if (options.isas.size() > 1) options.isas.pop_back();  // scalar is the last
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (option == "--se") {
      options.se = true;
      continue;
    }
    if (++i == argc) refuse("unknown option, or its value is missing: " + option);
    const std::string value = argv[i];
    if (option == "--blocks") {
      options.blocks = blocks_of(value);
    } else if (option == "--isa") {
      options.isas = isas_of(value);
    } else if (option == "--seconds") {
      options.seconds = seconds_of(value);
    } else if (option == "--layout") {
      options.layout = layout_of(value);
    } else if (option == "--csv") {
      options.csv = value;
    } else {
      refuse("unknown option: " + option);
    }
  }
  if (options.se) {
    auto &blocks = options.blocks;
    blocks.erase(std::remove_if(blocks.begin(), blocks.end(), [](const Block &block) { return block.se_width == 0; }),
                 blocks.end());
  }
  if (options.blocks.empty() || options.isas.empty()) refuse("nothing to search");
  return options;
}

}  // namespace bench
