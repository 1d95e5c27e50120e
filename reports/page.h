// The files of the page as they stand in reports/, made part of the program when it is built. Internal to the reports.
#pragma once

#include <string_view>

namespace tlsbye::page {

extern const std::string_view html, css, js;

}  // namespace tlsbye::page
