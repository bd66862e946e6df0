"""Renders our own chat templates and generated expressions with Jinja2, set up as Hugging Face transformers sets it up.

Run: python template_goldens.py (needs jinja2 3.1.6). It reads ../resources/chat-templates/*.jinja and writes
../resources/chat-templates/goldens.jsonl.gz, which TemplateGoldensTest compares with: one line for the conversations, one for each
template (texts, or an error, by conversation), one for each thousand of expressions.

The expressions are generated: a seed, so that they are the same each time; operands of all types, mostly of the type that fits.
"""

import gzip
import json
import pathlib
import random
import re

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parent.parent / "resources" / "chat-templates"
SEED = 17
EXPRESSIONS = 5000
MAX_CHARS = 300


class GenerationTag(Extension):
    """{% generation %}, as transformers has it, without tracking."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    result = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = lambda format: "(now)"
    return result


def call(name, arguments, id="call00001"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def conversations():
    """Twenty conversations: plain turns, odd texts, every field that messages have."""

    def plain(*turns):
        names = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "d": "developer"}
        return [{"role": names[role], "content": content} for role, content in turns]

    weather = call("get_weather", {"city": "Zürich", "days": 3, "metric": True, "wind": None, "at": [47.4, 8.5]})
    return [
        plain(("u", "Hello, world")),
        plain(("s", "You are helpful."), ("u", "What is 2 + 2?")),
        plain(("s", "Be brief."), ("u", "One?"), ("a", "1"), ("u", "Two?"), ("a", "2"), ("u", "Three?")),
        plain(("u", "{{ 7 * 7 }} {% if x %} {# no #} }} %} {{'{{'}}"), ("a", "<b>&amp;</b> %s {0} \\n"), ("u", "'q' \"q\"")),
        plain(("s", "system\n\n"), ("u", "\n\nfirst\r\nsecond\r\n\n"), ("a", "  \t blanks \t  "), ("u", "")),
        plain(("u", "Q"), ("a", "<think>\nlong\n\nthought\n</think>\n\nanswer"), ("u", "R")),
        plain(("u", "Is it?"), ("a", "False"), ("u", "true"), ("a", "None"), ("u", "0")),
        plain(("s", "Grüße, 世界 🌍 e\u0301"), ("u", "Ünï İıſß Ǆ ΑΣ"), ("a", "\u00a0\u3000u\u2003\x85"), ("u", "🌍🌎x")),
        plain(("u", "red \x1b[31m, \f, \0 \x07 \x1c"), ("a", "\ttab"), ("u", "line\u2028sep")),
        plain(("a", "assistant first"), ("u", "user")),
        plain(("u", "two"), ("u", "users"), ("s", "system last")),
        plain(("d", "developer says"), ("u", "/no_think detailed thinking on")),
        [],
        [
            {"role": "system", "content": "Use tools."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [weather]},
            {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": '{"temp": 21.5}'},
            {"role": "assistant", "content": "It is 21.5 degrees."},
            {"role": "user", "content": "Thanks"},
        ],
        [
            {"role": "user", "content": "Two at once", "name": "ann"},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "I should call both.\n",
                "tool_calls": [weather, call("search", '{"q": "a & b"}', "call00002")],
            },
            {"role": "tool", "content": {"temp": 3, "unit": "C"}, "tool_call_id": "call00001"},
            {"role": "tool", "content": "nothing", "tool_call_id": "call00002"},
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this? "},
                    {"type": "image"},
                    {"type": "text", "text": " And that?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "."}]},
        ],
        [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "Because.", "reasoning_content": "hm", "thinking": "hm2"},
            {"role": "user", "content": "<tool_response>\nx\n</tool_response>"},
        ],
        [
            {"role": "user", "content": 5},
            {"role": "assistant", "content": 1e-7, "extra": {"a": [1, 2.0, None, True], "b": {"c": "d"}}},
            {"role": "user", "content": ["plain", "list"]},
        ],
        [{"content": "no role"}, {"role": "user"}],
        plain(*[("ua"[i % 2], f"turn {i}") for i in range(31)]),
    ]


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather.\nBy city.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "name", "enum": ["Zürich", "Bern"]},
                    "days": {"type": "integer", "default": 1},
                    "at": {"type": "array", "items": {"type": "number"}},
                    "opts": {"type": "object", "properties": {"metric": {"type": ["boolean", "null"]}}},
                },
                "required": ["city"],
            },
            "return": {"type": "string"},
        },
    },
    {"type": "function", "function": {"name": "search", "description": "", "parameters": {}}},
]

# What the templates get besides messages: plain, with tools, with switches.
VARIABLES = [
    {},
    {"tools": TOOLS, "enable_thinking": False, "builtin_tools": ["browser"], "date_string": "1 Jan 2026"},
    {"add_generation_prompt": False, "enable_thinking": True, "documents": [{"title": "T", "text": "x\ny"}]},
]


def variables(i):
    return {
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
        **VARIABLES[i % len(VARIABLES)],
    }


def outcome(render):
    try:
        return render()
    except Exception as error:  # whatever is raised is to be an error here, too
        return {"error": f"{type(error).__name__}: {error}"[:120]}


class Generator:
    """Expressions of a type, from literals, variables, operators, filters, tests, methods and slices."""

    TEXTS = [
        "", "a", "abc", "Hello World", " pad ", "a,b,,c", "x=1;y=2", "İstanbul ß", "🌍x🌎", "12", "-3", "4.5e2", "0x1f",
        "False", "{}", "{0}-{1}", "%s", "%d|%5.2f", "a\nb\r\nc\n", "tab\there", "it's", 'say "hi"', "<b>&</b>", "ΑΣ σς",
        "one two  three", "\u00a0nb\u2003", "ǆ ﬁ", "end.", "__x__", "résumé", "a-b_c", "True",
    ]  # fmt: skip
    NAMES = {
        "text": ["s", "messages[0].content", "messages[-1]['role']", "m.name", "eos_token"],
        "int": ["n", "zero", "messages | length", "neg"],
        "float": ["f", "tiny", "big"],
        "bool": ["yes", "no"],
        "list": ["items", "nums", "words", "messages", "mixed", "empty"],
        "dict": ["d", "m", "messages[0]", "nested"],
        "none": ["nil"],
        "undefined": ["undef", "m.nothing", "items[99]", "d.nope"],
    }
    GIVEN = {
        "s": "Some Text, here", "n": 7, "zero": 0, "neg": -4, "f": 2.5, "tiny": 1e-7, "big": 1e22, "yes": True, "no": False,
        "items": ["b", "a", "C", "a"], "nums": [3, 1, 2, 10], "words": ["ab", "cd", ""], "mixed": [1, "1", 1.0, True, None],
        "empty": [], "d": {"a": 1, "b": 2, "c": None}, "m": {"name": "Ann", "age": 30, "tags": ["x", "y"]},
        "nested": {"x": {"y": [1, {"z": "deep"}]}, "items": "shadow"}, "nil": None, "eos_token": "</s>",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi 🌍"}],
    }  # fmt: skip

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, choices):
        return self.random.choice(choices)

    def any(self, depth):
        kind = self.one(["text", "text", "int", "float", "bool", "list", "list", "dict", "none", "undefined", "tuple"])
        return self.of(kind, depth)

    def of(self, kind, depth):
        if self.random.random() < 0.07:
            return self.any(depth - 1) if depth > 0 else self.leaf(self.one(list(self.NAMES)))
        if depth <= 0 or kind in ("none", "undefined") or self.random.random() < 0.15:
            return self.leaf(kind)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        if kind in self.NAMES and (kind in ("none", "undefined") or self.random.random() < 0.5):
            return self.one(self.NAMES[kind])
        return {
            "text": lambda: self.literal(self.one(self.TEXTS)),
            "int": lambda: str(self.one([0, 1, 2, 3, 5, 10, 255, 1000000, 10**18, 10**20])),
            "float": lambda: self.one(["0.5", "1.0", "2.675", "1e3", "3.14159", "1e16", "123456.789", "0.1"]),
            "bool": lambda: self.one(["true", "false", "True", "False"]),
            "list": lambda: self.one(["[]", "[1, 2, 3]", "['a', 'b']", "[none, true]", "[[1], [2, 3]]", "range(4)"]),
            "dict": lambda: self.one(["{}", "{'a': 1}", "{'k': 'v', 'n': 2.0}", "{1: 'x', 'y': [1]}", "dict(q=1)"]),
            "tuple": lambda: self.one(["()", "(1,)", "(1, 'b')", "('a', 'b', 'c')"]),
        }[kind]()

    def literal(self, text):
        quote = self.one(["'", '"'])
        escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
        return quote + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + quote

    def small(self):
        return self.one(["0", "1", "2", "3", "-1", "-2", "5", "n"])

    def text(self, depth):
        t, n, a = (lambda: self.of("text", depth)), self.small, (lambda: self.any(depth))
        return self.one([
            lambda: f"({t()} + {t()})",
            lambda: f"({t()} ~ {a()})",
            lambda: f"({a()} ~ {a()} ~ {t()})",
            lambda: f"({t()} * {n()})",
            lambda: f"{t()}[{n()}]",
            lambda: f"({t()})[{self.slice()}]",
            lambda: f"({t()}).{self.one(['upper', 'lower', 'title', 'capitalize', 'swapcase', 'strip', 'lstrip', 'rstrip', 'casefold'])}()",
            lambda: f"({t()}).{self.one(['strip', 'lstrip', 'rstrip'])}({self.one([t(), repr('abc '), 'none'])})",
            lambda: f"({t()}).replace({t()}, {t()})",
            lambda: f"({t()}).replace({self.one([repr('a'), repr(''), repr(' ')])}, {t()}, {n()})",
            lambda: f"({t()}).{self.one(['center', 'ljust', 'rjust', 'zfill'])}({self.one(['3', '8', '11', '20'])})",
            lambda: f"({t()}).{self.one(['center', 'ljust', 'rjust'])}({self.one(['8', '9'])}, '*')",
            lambda: f"({t()}).join({self.of('list', depth)})",
            lambda: f"({t()}).{self.one(['removeprefix', 'removesuffix'])}({t()})",
            lambda: f"({t()}).expandtabs({self.one(['', '4', '1'])})",
            lambda: f"({self.formatted()}) % {self.one([a(), self.of('tuple', depth), f'({a()}, {a()})', self.two(depth)])}",
            lambda: f"({self.braces()}).format({a()}, {a()})",
            lambda: f"'{{:{self.spec()}}}'.format({self.one([self.of('int', depth), self.of('float', depth), t(), self.of('bool', depth)])})",
            lambda: f"{t()} | {self.one(['upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'reverse', 'escape', 'e', 'striptags', 'urlencode', 'forceescape', 'safe'])}",
            lambda: f"({t()} | {self.one(['escape', 'safe'])}) {self.one(['+', '~'])} {t()}",
            lambda: f"{t()} | replace({t()}, {t()})",
            lambda: f"{t()} | {self.one(['indent', 'indent(2)', 'indent(2, true)', 'indent(width=1, blank=true)', 'indent(first=True)'])}",
            lambda: f"{t()} | {self.one(['center(15)', 'truncate(5)', 'truncate(6, true, leeway=0)', 'truncate(5, end=repr, leeway=0)'.replace('repr', repr('~'))])}",
            lambda: f"{t()} | wordwrap({self.one(['3', '5', '9'])}{self.one(['', ', false', ', wrapstring=' + repr('|')])})",
            lambda: f"{self.of('list', depth)} | join{self.one(['', '(' + repr(', ') + ')', '(' + t() + ')'])}",
            lambda: f"{a()} | tojson{self.one(['', '(indent=2)', '(sort_keys=true)', '(ensure_ascii=true)', '(separators=(' + repr(',') + ', ' + repr(':') + '))'])}",
            lambda: f"{a()} | string",
            lambda: f"{self.of('int', depth)} | filesizeformat{self.one(['', '(true)'])}",
            lambda: f"{self.of('dict', depth)} | {self.one(['xmlattr', 'urlencode'])}",
            lambda: f"{a()} | default({t()}{self.one(['', ', true', ', boolean=false'])})",
            lambda: f"({t()} if {self.of('bool', depth)} else {t()})",
            lambda: f"({t()} if {self.of('bool', depth)})",
            lambda: f"({t()} {self.one(['or', 'and'])} {t()})",
            lambda: f"({self.of('dict', depth)}).{self.one(['get', 'pop', 'name', 'items', 'keys'])}({t()})",
        ])()  # fmt: skip

    def two(self, depth):
        return f"({self.of('int', depth)}, {self.of('float', depth)})"

    def formatted(self):
        return self.one([
            "'%s'", "'%r'", "'%d'", "'%5d|'", "'%-5s|'", "'%05.1f'", "'%x %o'", "'%e'", "'%g'", "'%%'", "'%s %s'", "'%c'", "'%+d'",
            "'%.2s'", "'%10.3e'", "'%#x'", "'no'", "'%a'", "'%i %s'", "'%(a)s'", "'% d'", "'%G'", "'%.0f'", "'%u'", "'%*d'",
        ])  # fmt: skip

    def braces(self):
        return self.one([
            "'{}'", "'{} {}'", "'{0}{1}{0}'", "'{!r}'", "'{0!s:>6}'", "'{:>8}|'", "'{{}}'", "'{1}'", "'{2}'", "'{:^9}'", "'{a}'",
            "'{0[a]}'", "'{0.name}'", "'{0[0]}'", "'{:{}}'", "'}'", "'{'", "'{:*<7}'", "'{} {0}'",
        ])  # fmt: skip

    def spec(self):
        return self.one([
            "d", "5d", "05", ",", "_", "x", "#x", "b", "o", ".2f", "10.3f", "e", ".1e", "g", ".3g", "%", ".1%", "+", " ", "<6", ">6",
            "^7", "*^9", "=+6", "s", ".2", "10", "X", "n", "c", "+.1f", "012,", "#o", ",.2f", "z.1f", "-8", "0>5", "G", ".0f", "_x",
        ])  # fmt: skip

    def slice(self):
        part = lambda: self.one(["", "", "0", "1", "2", "-1", "-2", "5", "n", "none", "100", "-100"])
        return self.one([f"{part()}:{part()}", f"{part()}:{part()}:{self.one(['1', '2', '-1', '-2', '', '3'])}"])

    def int(self, depth):
        i, t, l = (lambda: self.of("int", depth)), (lambda: self.of("text", depth)), (lambda: self.of("list", depth))
        return self.one([
            lambda: f"({i()} {self.one(['+', '-', '*', '//', '%'])} {i()})",
            lambda: f"({self.small()} ** {self.one(['0', '1', '2', '3', '5', '-1'])})",
            lambda: f"{self.one(['-', '+'])}{i()}",
            lambda: f"({self.one(['-', '+'])}{i()}) | abs",
            lambda: f"{self.one([t, l, lambda: self.of('dict', depth), lambda: self.any(depth)])()} | {self.one(['length', 'count'])}",
            lambda: f"{self.any(depth)} | int{self.one(['', '(5)', '(default=-1)', '(base=16)', '(0, 0)'])}",
            lambda: f"({t()}).{self.one(['count', 'find', 'rfind', 'index', 'rindex'])}({self.one([t(), repr('a'), repr(''), repr('b')])}{self.one(['', ', 1', ', 1, 3', ', -2'])})",
            lambda: f"({l()}).{self.one(['count', 'index'])}({self.any(depth)})",
            lambda: f"{l()} | sum",
            lambda: f"{t()} | wordcount",
            lambda: f"{self.of('float', depth)} | round | int",
            lambda: f"{i()} | round({self.one(['-1', '-2', '0', '2'])})",
            lambda: f"nums | {self.one(['max', 'min', 'first', 'last', 'sum'])}",
            lambda: f"({i()} if {self.of('bool', depth)} else {i()})",
        ])()  # fmt: skip

    def float(self, depth):
        f, i = (lambda: self.of("float", depth)), (lambda: self.of("int", depth))
        return self.one([
            lambda: f"({f()} {self.one(['+', '-', '*', '/', '//', '%'])} {self.one([f, i])()})",
            lambda: f"({i()} / {i()})",
            lambda: f"({i()} {self.one(['+', '-', '*', '%', '//'])} {f()})",
            lambda: f"{f()} | round{self.one(['', '(1)', '(2)', '(1, ' + repr('floor') + ')', '(2, ' + repr('ceil') + ')', '(method=' + repr('ceil') + ')'])}",
            lambda: f"{self.any(depth)} | float{self.one(['', '(1.5)'])}",
            lambda: f"-{f()}",
            lambda: f"(-{f()}) | abs",
        ])()  # fmt: skip

    def bool(self, depth):
        a, t, b = (lambda: self.any(depth)), (lambda: self.of("text", depth)), (lambda: self.of("bool", depth))
        test = self.one([
            "defined", "undefined", "none", "boolean", "integer", "float", "number", "string", "mapping", "sequence", "iterable",
            "callable", "true", "false", "odd", "even", "lower", "upper", "escaped", "divisibleby 2", "divisibleby(3)", "in [1, 'a', none]",
            "eq 1", "equalto('a')", "ne 2", "gt 1", "lt 3", "ge 'a'", "le 2.5", "sameas none", "sameas true", "not none", "not defined",
            "filter", "test", "== 1", "not string",
        ])  # fmt: skip
        return self.one([
            lambda: f"({a()} {self.one(['==', '!='])} {a()})",
            lambda: f"({self.any(depth - 1)} == {self.any(depth - 1)})",
            lambda: f"({self.of('int', depth)} {self.one(['<', '<=', '>', '>='])} {self.one(['int', 'float']) and self.of('float', depth)})",
            lambda: f"({t()} {self.one(['<', '<=', '>', '>='])} {t()})",
            lambda: f"({self.of('list', depth)} {self.one(['<', '>='])} {self.of('list', depth)})",
            lambda: f"({self.small()} < {self.small()} <= {self.small()})",
            lambda: f"({self.small()} == {self.of('float', depth)} != {a()})",
            lambda: f"({a()} {self.one(['in', 'not in'])} {self.of(self.one(['list', 'dict', 'text', 'tuple']), depth)})",
            lambda: f"({t()} in {t()})",
            lambda: f"(not {a()})",
            lambda: f"(not {a()} {self.one(['==', 'in', 'is'])} {self.one(['none', 'items'])})",
            lambda: f"({b()} {self.one(['and', 'or'])} {b()})",
            lambda: f"({a()} is {test if test[0] not in '=' else 'eq 1'})",
            lambda: f"({a()} is {test if test[0] not in '=' else 'ne 1'})",
            lambda: f"({t()}).{self.one(['startswith', 'endswith'])}({self.one([t(), repr('a'), '(' + repr('a') + ', ' + repr('S') + ')'])}{self.one(['', '', ', 1'])})",
            lambda: f"({t()}).{self.one(['isupper', 'islower', 'isdigit', 'isalpha', 'isalnum', 'isspace', 'istitle', 'isnumeric', 'isdecimal', 'isascii', 'isidentifier', 'isprintable'])}()",
        ])()  # fmt: skip

    def list(self, depth):
        l, t, a = (lambda: self.of("list", depth)), (lambda: self.of("text", depth)), (lambda: self.any(depth))
        return self.one([
            lambda: f"[{a()}, {a()}]",
            lambda: f"({l()} + {l()})",
            lambda: f"({l()} * {self.one(['0', '1', '2', '-1'])})",
            lambda: f"({l()})[{self.slice()}]",
            lambda: f"({t()}).{self.one(['split', 'rsplit'])}({self.one(['', t(), repr(' '), repr(',') + ', 1', 'none, 1', 'maxsplit=1', repr(',') + ', maxsplit=2'])})",
            lambda: f"({t()}).splitlines({self.one(['', 'true'])})",
            lambda: f"{self.one([l, t, a])()} | list",
            lambda: f"{l()} | {self.one(['sort', 'sort(reverse=true)', 'sort(case_sensitive=true)'])}",
            lambda: f"{l()} | {self.one(['unique', 'reverse', 'select', 'reject'])} | list",
            lambda: f"{l()} | select({self.one([repr('string'), repr('defined'), repr('in') + ', ' + repr('abc'), repr('equalto') + ', 1', repr('number'), repr('odd'), repr('nope')])}) | list",
            lambda: f"{l()} | reject({self.one([repr('none'), repr('gt') + ', 1', repr('mapping')])}) | list",
            lambda: f"{l()} | map({self.one([repr('upper'), repr('string'), repr('length'), repr('int'), repr('default') + ', 0', 'attribute=' + repr('role'), 'attribute=0', 'attribute=' + repr('content') + ', default=' + repr('-'), repr('replace') + ', ' + repr('a') + ', ' + repr('b')])}) | list",
            lambda: f"messages | {self.one(['selectattr', 'rejectattr'])}({self.one([repr('role'), repr('role') + ', ' + repr('equalto') + ', ' + repr('user'), repr('name') + ', ' + repr('defined'), repr('content') + ', ' + repr('in') + ', ' + repr('Be brief.'), repr('content.0') + ', ' + repr('eq') + ', ' + repr('B')])}) | list",
            lambda: f"({self.of('dict', depth)}).{self.one(['items', 'keys', 'values'])}() | list",
            lambda: f"{self.of('dict', depth)} | {self.one(['dictsort', 'dictsort(true)', 'dictsort(by=' + repr('value') + ')', 'dictsort(reverse=true)', 'items | list', 'list'])}",
            lambda: f"{l()} | {self.one(['batch(2)', 'batch(2, 0)', 'slice(2)', 'slice(3, none)', 'slice(2, 9)'])} | list",
            lambda: f"messages | groupby({self.one([repr('role'), repr('content'), repr('missing')])}) | list",
            lambda: f"range({self.small()}, {self.small()}, {self.one(['1', '2', '-1'])}) | list",
            lambda: f"({t()}).{self.one(['partition', 'rpartition'])}({self.one([t(), repr(' '), repr(',')])}) | list",
        ])()  # fmt: skip

    def tuple(self, depth):
        return self.one([
            lambda: f"({self.any(depth)}, {self.any(depth)})",
            lambda: f"({self.of('tuple', depth)} + {self.of('tuple', depth)})",
            lambda: f"({self.of('tuple', depth)})[{self.slice()}]",
            lambda: f"({self.of('text', depth)}).partition({self.one([repr(' '), repr(',')])})",
        ])()  # fmt: skip

    def dict(self, depth):
        return self.one([
            lambda: f"{{{self.of('text', depth)}: {self.any(depth)}, 'z': {self.any(depth)}}}",
            lambda: f"{{{self.small()}: {self.any(depth)}}}",
            lambda: f"dict({self.of('dict', depth)}, extra={self.any(depth)})",
            lambda: f"dict({self.of('dict', depth)}.items())",
            lambda: f"({self.of('dict', depth)}).copy()",
            lambda: f"nested.{self.one(['x', 'items', 'x.y[1]'])}",
        ])()  # fmt: skip


def expressions(env):
    generator = Generator(SEED)
    result = []
    while len(result) < EXPRESSIONS:
        source = "{{ " + generator.any(3) + " }}"
        # An error for half of them shows little.
        expected = outcome(lambda: env.from_string(source).render(**Generator.GIVEN))
        failed = isinstance(expected, dict)
        text = "" if failed else expected
        # Addresses and complex numbers are not to be printed alike.
        odd = re.search(r" at 0x|\dj\)|<class|<built-in|<bound|<function|<reversed", text) or "complex" in str(expected)
        if not odd and len(text) <= MAX_CHARS and len(source) <= 260 and not (failed and generator.random.random() < 0.5):
            result.append([source, None if failed else text])
    return result


def main():
    env = environment()
    turns = conversations()
    lines = [{"conversations": turns, "variables": [variables(i) for i in range(len(VARIABLES))]}]
    lines.append({"given": Generator.GIVEN})
    for file in sorted(FOLDER.glob("*.jinja")):
        source = file.read_bytes().decode()
        template = outcome(lambda: env.from_string(source))
        render = lambda i: template if isinstance(template, dict) else outcome(
            lambda: template.render(messages=turns[i], **variables(i))
        )
        lines.append({"template": file.name, "outcomes": [render(i) for i in range(len(turns))]})
    all = expressions(env)
    for i in range(0, len(all), 1000):
        lines.append({"expressions": all[i : i + 1000]})
    with gzip.GzipFile(FOLDER / "goldens.jsonl.gz", "wb", mtime=0) as out:
        for line in lines:
            out.write((json.dumps(line) + "\n").encode())
    errors = sum(expected is None for _, expected in all)
    print(f"{len(lines)} lines; {errors} of {len(all)} expressions raise")


if __name__ == "__main__":
    main()
