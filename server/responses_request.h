#pragma once

#include "base/json.h"
#include "server/fields.h"

namespace ttt::server {

// A request of the Responses API as one of the chat API with the same meaning: instructions and input become messages,
// tools take the form of that API. What needs a stored response, or a tool of the server's, is refused by name.
Json chat_of_responses(Fields& fields);

// The same for the name of the field in an error: "messages" is "input" here.
ApiError in_terms_of_responses(ApiError error);

}  // namespace ttt::server
