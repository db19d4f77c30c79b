#pragma once

#include <string_view>

namespace ttt::server {

// Tells the service manager about the state of the process, as sd_notify(3) does: "READY=1", "STOPPING=1". `socket`:
// what it gave in NOTIFY_SOCKET; empty: there is none. A manager that does not listen is no error.
void notify_manager(std::string_view socket, std::string_view state);

}  // namespace ttt::server
