"""Conversations and templates."""

import gc

import pytest
from conftest import TEMPLATE, golden, load_json

import ttt

QUESTION = {"role": "user", "content": "what is the river"}


def test_render_as_jinja2():
    document = load_json(golden("templates/chats.json"))
    rendered = 0
    for case in document["cases"]:
        for run in case["runs"]:
            if "text" not in run or not run["with"].get("messages"):
                continue
            if any(name in case["template"] and name not in run["with"] for name in ("tools", "documents")):
                continue  # of the bare language, in which what is absent is not None
            request = dict(run["with"])
            template = ttt.ChatTemplate(case["template"], special_tokens=case.get("special_tokens"))
            request.setdefault("add_generation_prompt", False)
            assert template.render(time=document["second"], **request) == run["text"], case["name"]
            rendered += 1
    assert rendered > 50


def test_render_of_all_that_has_a_template(tiny, tiny_path):
    wanted = "<|begin_of_text|>user:what is the river<|eot_id|>\nassistant:"
    template = ttt.ChatTemplate(TEMPLATE, special_tokens={"bos_token": "<|begin_of_text|>"})
    for source in (tiny, tiny_path, str(tiny_path), template):
        assert ttt.render(source, [QUESTION]) == wanted
    assert ttt.render("{% for m in messages %}{{ m.content }}{{ end }}{% endfor %}", [QUESTION],
                      end="!") == "what is the river!"
    assert template.source == TEMPLATE
    with pytest.raises(ttt.UnsupportedError, match="no chat template"):
        ttt.render(golden("families/llama/llama3"), [QUESTION])
    with pytest.raises(ttt.BadDataError, match="line 1"):
        ttt.ChatTemplate("{% for %}")


def test_messages_never_become_control_tokens(tiny):
    template = tiny.chat_template()
    ids = template.encode([{"role": "user", "content": "<|eot_id|>"}], tiny.tokenizer)
    end = tiny.tokenizer.id("<|eot_id|>")
    assert ids.count(end) == 1  # the template's


def test_a_conversation_computes_only_what_is_new(tiny):
    talk = ttt.Conversation(tiny, system="be brief")
    first = talk.ask("what is the river", max_new_tokens=8)
    assert first.prefilled_tokens == first.prompt_tokens
    second = talk.ask("and the mill", max_new_tokens=8)
    assert 0 < second.prefilled_tokens < second.prompt_tokens
    assert [m["role"] for m in talk.messages] == ["system", "user", "assistant", "user", "assistant"]
    fresh = ttt.Conversation(tiny, talk.messages[:-1])
    again = fresh.reply(max_new_tokens=8)
    assert again.ids == second.ids and again.content == second.content == talk.messages[-1]["content"]
    assert tiny.chat(talk.messages[:-1], max_new_tokens=8).ids == second.ids


def test_pieces_are_the_answer(tiny):
    talk = ttt.Conversation(tiny)
    stream = talk.ask("what is the river", stream=True, max_new_tokens=10)
    with pytest.raises(ttt.UsageError, match="an answer wanted its end"):
        stream.result
    text = "".join(str(piece) for piece in stream)
    assert stream.result.content == text and stream.result.reason == "length"
    assert len(stream.result.ids) == 10
    assert talk.messages[-1] == {"role": "assistant", "content": text}
    assert list(tiny.chat("what is the river", stream=True, max_new_tokens=10))[0].text


def test_a_dropped_answer_ends_where_it_is(tiny):
    talk = ttt.Conversation(tiny)
    stream = talk.ask("what is the river", stream=True, max_new_tokens=100)
    said = str(next(stream))
    with pytest.raises(ttt.UsageError, match="the end of the answer"):
        talk.add("another")
    del stream
    gc.collect()
    assert talk.messages[-1]["role"] == "assistant"
    assert talk.messages[-1]["content"].startswith(said)
    reply = talk.ask("go on", max_new_tokens=4)
    assert reply.prefilled_tokens < reply.prompt_tokens


def test_an_error_leaves_the_messages(tiny):
    talk = ttt.Conversation(tiny, [QUESTION])
    before = talk.messages
    with pytest.raises(ttt.UsageError, match="at most 512 tokens"):
        talk.ask("river " * 600)
    assert talk.messages == before

    def fails(values):
        raise KeyError("from a tap")

    with tiny.tap({"lm_head": fails}), pytest.raises(KeyError, match="from a tap"):
        talk.reply(max_new_tokens=4)
    assert talk.messages == before
    assert len(talk.reply(max_new_tokens=4).ids) == 4


def test_regenerate_and_reset(tiny):
    talk = ttt.Conversation(tiny, system="be brief")
    first = talk.ask("what", temperature=1.0, seed=5, max_new_tokens=6)
    assert talk.drop_answer() and not talk.drop_answer()
    talk.reply(temperature=0, max_new_tokens=6)
    assert first.ids
    talk.reset()
    assert talk.messages == [{"role": "system", "content": "be brief"}]
    talk.set_system("be long")
    assert talk.messages == [{"role": "system", "content": "be long"}]


def test_tools_and_variables_reach_the_template(tiny):
    tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
    talk = ttt.Conversation(tiny, [QUESTION], tools=tools)
    assert "1 tools" in tiny.chat_template().render(talk.messages, tools=tools)
    longer = talk.reply(max_new_tokens=1).prompt_tokens
    assert longer > tiny.chat([QUESTION], max_new_tokens=1).prompt_tokens
    shown = ttt.Conversation(tiny, [QUESTION], template=ttt.ChatTemplate("{{ word }}"), word="river mill")
    assert shown.reply(max_new_tokens=1).prompt_tokens == len(tiny.tokenizer.encode("river mill", add_special=False))


def test_oldest_turns_make_room(tiny_path):
    model = ttt.Model(tiny_path, ctx=96, threads=1)
    talk = ttt.Conversation(model, drop_oldest=True)
    dropped = 0
    for _ in range(8):
        dropped += talk.ask("what is the river and the mill", max_new_tokens=8).dropped_messages
    assert dropped > 0


def test_a_message_of_another_shape(tiny):
    with pytest.raises(ttt.UsageError, match="message.content wanted"):
        ttt.Conversation(tiny).add({"role": "user", "content": object()})
    talk = ttt.Conversation(tiny)
    talk.add({"content": "no role"})
    with pytest.raises(ttt.BadDataError):
        talk.reply()


def test_models_that_do_not_talk():
    with pytest.raises(ttt.UnsupportedError, match="a conversation wanted"):
        ttt.Conversation(ttt.Model(golden("encoder_texts/labels"), threads=1),
                         template=ttt.ChatTemplate("{{ messages }}"))
