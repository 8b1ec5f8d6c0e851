/* SPDX-License-Identifier: MIT */
#include "bench.h"

/* All in pixels. */
enum { MARGIN = 10, HEADING = 42, ROW = 16, LABEL = 210, BAR = 420, FIGURES = 150 };

void bench_chart(const struct bench_result *result, FILE *file) {
  const mbconv_network_info *info = &result->info;
  double longest = 0;
  for (size_t i = 0; i < info->layers; i++)
    if (result->layer[i].seconds > longest) longest = result->layer[i].seconds;
  const size_t width = MARGIN + LABEL + BAR + FIGURES, height = HEADING + info->layers * ROW + MARGIN;
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" viewBox=\"0 0 %zu %zu\" "
          "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
          width, height, width, height);
  fprintf(
      file,
      "<text x=\"%d\" y=\"18\" font-size=\"13\" font-weight=\"bold\">%s, %zux%zu, %s, threads: %zu, %.0f µs</text>\n"
      "<text x=\"%d\" y=\"34\" fill=\"#555\">time of each layer; dark: what it would take at the FMA peak</text>\n",
      MARGIN, info->name, info->height, info->width, mbconv_isa_name(info->isa), info->threads, result->seconds * 1e6,
      MARGIN);
  for (size_t i = 0; i < info->layers; i++) {
    const double seconds = result->layer[i].seconds, scale = BAR / longest;
    const double least = result->peak > 0 ? 2 * (double)result->layer[i].info.counts.multiply_adds / result->peak : 0;
    const size_t y = HEADING + i * ROW;
    fprintf(file,
            "<text x=\"%d\" y=\"%zu\">%s</text>\n"
            "<rect x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\" fill=\"#9ec5e8\"/>\n"
            "<rect x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\" fill=\"#2b6cb0\"/>\n"
            "<text x=\"%.1f\" y=\"%zu\" fill=\"#333\">%.0f µs",
            MARGIN, y + 11, result->layer[i].info.name, MARGIN + LABEL, y + 1, seconds * scale, ROW - 3, MARGIN + LABEL,
            y + 1, least * scale, ROW - 3, MARGIN + LABEL + seconds * scale + 5, y + 11, seconds * 1e6);
    if (result->peak > 0) fprintf(file, ", %.0f%%", 100 * least / seconds);
    fputs("</text>\n", file);
  }
  fputs("</svg>\n", file);
}
