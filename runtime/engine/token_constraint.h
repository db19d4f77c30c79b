#pragma once

#include "text/grammar/token_constraint.h"
