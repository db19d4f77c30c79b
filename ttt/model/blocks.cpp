#include "model/blocks.h"

namespace ttt {

#define TTT_MAKE_HERE(Block) template Block make<Block>(const Scope&, const Block::Spec&, const Block::Names&);
TTT_FOR_EACH_BLOCK(TTT_MAKE_HERE)
#undef TTT_MAKE_HERE

}  // namespace ttt
