#include "text/sentencepiece_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

// A piece is at most 16 characters long unless its trainer was told otherwise.
constexpr std::size_t kLongestPiece = 1024;

// Reads the fields of one protocol buffers message from front to back; `where` names the message.
class Message {
 public:
  Message(std::string_view bytes, std::string where) : rest_(bytes), where_(std::move(where)) {}

  // False at the end. Else `number` and one of the values are those of the next field.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    number_ = tag >> 3;
    require(number_ > 0, ErrorKind::kBadData, where_, ": a field without number");
    wire_ = static_cast<unsigned>(tag & 7);
    switch (wire_) {
      case kVarint:
        integer_ = varint();
        break;
      case kFixed64:
        bytes_ = take(8);
        break;
      case kBytes:
        bytes_ = take(varint());
        break;
      case kFixed32:
        bytes_ = take(4);
        break;
      default:
        fail(ErrorKind::kBadData,
             text(where_, ": field ", number_, " has wire type ", wire_, ", which does not exist"));
    }
    return true;
  }

  std::uint64_t number() const { return number_; }
  const std::string& where() const { return where_; }

  std::uint64_t integer() const {
    want(kVarint);
    return integer_;
  }
  bool boolean() const { return integer() != 0; }
  std::int64_t id() const { return static_cast<std::int32_t>(integer()); }
  std::string_view bytes() const {
    want(kBytes);
    return bytes_;
  }
  std::string utf8() const {
    require(is_valid_utf8(bytes()), ErrorKind::kBadData, where_, ": field ", number_, " is no valid UTF-8");
    return std::string(bytes());
  }
  float number32() const {
    want(kFixed32);
    std::uint32_t bits = 0;
    for (std::size_t i = 4; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes_[i]);
    return std::bit_cast<float>(bits);
  }

 private:
  static constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

  void want(unsigned wire) const {
    require(wire_ == wire, ErrorKind::kBadData, where_, ": field ", number_, " wanted wire type ", wire, ", got ",
            wire_);
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      v |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return v;
    }
    fail(ErrorKind::kBadData, text(where_, ": a number of more than 10 bytes"));
  }
  std::string_view take(std::uint64_t size) {
    require(size <= rest_.size(), ErrorKind::kBadData, where_, ": a field wanted ", size, " bytes, got ", rest_.size());
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }

  std::string_view rest_;
  std::string where_;
  std::uint64_t number_ = 0, integer_ = 0;
  unsigned wire_ = 0;
  std::string_view bytes_;
};

SentencePieceModel::Piece read_piece(Message piece) {
  SentencePieceModel::Piece result;
  while (piece.next()) {
    if (piece.number() == 1) {
      result.text = piece.utf8();
    } else if (piece.number() == 2) {
      result.score = piece.number32();
    } else if (piece.number() == 3) {
      const std::uint64_t type = piece.integer();
      require(type >= 1 && type <= 6, ErrorKind::kBadData, piece.where(), ": type wanted 1 to 6, got ", type);
      result.type = static_cast<SentencePieceModel::Type>(type);
    }
  }
  require(result.text.size() <= kLongestPiece, ErrorKind::kBadData, piece.where(), ": wanted at most ", kLongestPiece,
          " bytes, got ", result.text.size());
  require(std::isfinite(result.score), ErrorKind::kBadData, piece.where(), ": the score is no number");
  return result;
}

// Where the value of a field goes.
struct Field {
  std::uint64_t number;
  std::variant<bool SentencePieceModel::*, std::int64_t SentencePieceModel::*, std::string SentencePieceModel::*> to;
};
constexpr Field kTrainerFields[] = {
    {24, &SentencePieceModel::space_after}, {35, &SentencePieceModel::byte_fallback},
    {40, &SentencePieceModel::unk_id},      {41, &SentencePieceModel::bos_id},
    {42, &SentencePieceModel::eos_id},      {43, &SentencePieceModel::pad_id},
    {45, &SentencePieceModel::unk_piece},   {46, &SentencePieceModel::bos_piece},
    {47, &SentencePieceModel::eos_piece},   {48, &SentencePieceModel::pad_piece},
};
constexpr Field kNormalizerFields[] = {
    {3, &SentencePieceModel::add_dummy_prefix},
    {4, &SentencePieceModel::remove_extra_whitespaces},
    {5, &SentencePieceModel::escape_whitespaces},
};

void read_field(const Message& message, std::span<const Field> fields, SentencePieceModel& model) {
  const auto field = std::ranges::find(fields, message.number(), &Field::number);
  if (field == fields.end()) return;
  if (const auto* flag = std::get_if<bool SentencePieceModel::*>(&field->to)) {
    model.** flag = message.boolean();
  } else if (const auto* id = std::get_if<std::int64_t SentencePieceModel::*>(&field->to)) {
    model.** id = message.id();
  } else {
    model.*std::get<std::string SentencePieceModel::*>(field->to) = message.utf8();
  }
}

void read_trainer(Message trainer, SentencePieceModel& model) {
  while (trainer.next()) {
    if (trainer.number() == 3) {
      const std::uint64_t kind = trainer.integer();
      require(kind >= 1 && kind <= 4, ErrorKind::kBadData, trainer.where(), ": model_type wanted 1 to 4, got ", kind);
      model.kind = static_cast<SentencePieceModel::Kind>(kind);
    } else {
      read_field(trainer, kTrainerFields, model);
    }
  }
}

void read_normalizer(Message normalizer, SentencePieceModel& model) {
  while (normalizer.next()) {
    if (normalizer.number() == 2) {
      model.charsmap = normalizer.bytes();
    } else {
      read_field(normalizer, kNormalizerFields, model);
    }
  }
}

}  // namespace

SentencePieceModel SentencePieceModel::parse(std::string_view bytes, std::string_view where) {
  SentencePieceModel model;
  Message message(bytes, std::string(where));
  while (message.next()) {
    if (message.number() == 1) {
      model.pieces.push_back(read_piece(Message(message.bytes(), text(where, ": piece ", model.pieces.size()))));
    } else if (message.number() == 2) {
      read_trainer(Message(message.bytes(), text(where, ": trainer_spec")), model);
    } else if (message.number() == 3) {
      read_normalizer(Message(message.bytes(), text(where, ": normalizer_spec")), model);
    }
  }
  require(!model.pieces.empty(), ErrorKind::kBadData, where, ": there are no pieces");
  return model;
}

}  // namespace ttt
