#include "apps/ttt/app.h"
#include "models/families.h"

int main(int argc, char** argv) { return ttt::app::run(argc, argv, ttt::families()); }
