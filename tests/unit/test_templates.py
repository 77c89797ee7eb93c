"""The mapping template, in the local engine and in Apache Velocity 1.7, on which API Gateway's is.

Every rendering here is made by both engines and must be the same text.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtm_events import message
from local.velocity import LOOP_LIMIT, Request, TemplateError, render
from tests.velocity import ReferenceEngine, ReferenceEngineMissing, ReferenceRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
CASES = ROOT.parent / "shared" / "cases" / "urls.jsonl"
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
EVENTS: Final = (
    (ROOT / "cdk_gtm_connector" / "templates" / "events.vtl")
    .read_text(encoding="utf-8")
    .replace("@QUEUE_URL@", QUEUE_URL)
)
TIME = 1_764_000_000_123

bounded = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

HOSTILE = (
    "",
    " ",
    "  around  ",
    "\"double\" 'single' `back`",
    '\\ \\\\ \\" \\n \\u0041 \\',
    "a&b=c+d",
    "=",
    "100% %41 %2541 %zz %",
    "Foo, Bar, ",
    '{"a":[1,{"b":null}]}}',
    "#hash ## #* *# #end #{end} #else #stop #[[x]]# #macro(m)x#end",
    "$x ${y} $!z #set($a=1) #end",
    "$input.params('event') $util.urlEncode('x') $context.requestTimeEpoch",
    "#foreach($i in [1..9])$i#end #if(true)x#end",
    "one\ntwo\r\nthree\rfour",
    "\t\x01\x02\x0b\x0c\x1b\x1f\x7f",
    "\x85\u2028\u2029\ufeff\ufffd\uffff",
    "😀👩‍👩‍👧🏳️‍🌈 𝔘𐍈",
    "購入 完了 감사합니다",
    "שלום مرحبا \u202eabc",
    "e\u0301 \u00e9 ß İ \u0131",
    "</script><b onload='x'>&amp;",
    "!*'();:@&=+$,/?#[]-._~|^<>{}",
    "x\nv=1&time=0&access=authenticated",
    "x" * 2_000,
    "ж😀" * 1_000,
    "null",
    "undefined",
    "true",
    "0",
    # What airspeed-ext takes for a sign between its own functions.
    "__FORMAL_REFERENCE__REPLACE_TEXT__",
)
HOSTILE_NAMES = (
    *("keySet", "get", "entrySet", "values", "size", "isEmpty", "containsKey", "put", "remove"),
    *("class", "getClass", "toString", "hashCode", "length", "__class__", "__getitem__", "items"),
    *("header", "querystring", "path", "name", "params", "origin", "foreach", "input", "util"),
)
ENVELOPE_NAMES: Final = tuple(
    spelling
    for name in ("v", "time", "access", "subject", "origin", "referer")
    for spelling in (name, name.title(), name.upper())
)


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceEngine]:
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(ReferenceEngine())
        except ReferenceEngineMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing))
            pytest.skip(str(missing))
        yield engine


def request(
    parameters: Mapping[str, str], headers: Mapping[str, str] | None = None, **context: Any
) -> Request:
    return Request(
        querystring=parameters,
        headers={"Host": "api.example", "Accept": "image/svg+xml,*/*"} | dict(headers or {}),
        context={"requestTimeEpoch": TIME, "requestId": "forgeable", **context},
    )


def decoded(query: str) -> dict[str, str]:
    """Decode a query string as API Gateway does: the last of repeated parameters counts."""
    return dict(parse_qsl(query, keep_blank_values=True))


def rendered(
    reference: ReferenceEngine, requests: Sequence[Request], template: str = EVENTS
) -> list[str]:
    ours = [render(template, one) for one in requests]
    assert ours == reference.render_many(template, requests)
    return ours


def assert_message(output: str, sent: Request) -> None:
    """Check that a rendering is the SendMessage request for exactly what was sent."""
    call = json.loads(output)
    assert call.keys() == {"QueueUrl", "MessageBody"}
    assert call["QueueUrl"] == QUEUE_URL
    body = call["MessageBody"]
    assert body.isascii()

    envelope, query = body.split("\n")
    observed = {name.lower(): value for name, value in sent.headers.items()}
    assert parse_qsl(envelope, keep_blank_values=True, strict_parsing=True) == [
        ("v", "1"),
        ("time", str(TIME)),
        ("access", "anonymous"),
        *((name, observed[name]) for name in ("origin", "referer") if name in observed),
    ]
    parameters = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    assert parameters == list(sent.querystring.items())[:LOOP_LIMIT]

    assert message.decode(body).parameters == parameters


def assert_messages(reference: ReferenceEngine, requests: Sequence[Request]) -> None:
    for output, sent in zip(rendered(reference, requests), requests, strict=True):
        assert_message(output, sent)


def test_shared_cases(reference: ReferenceEngine) -> None:
    if not CASES.exists():
        pytest.skip(f"the shared cases are not beside this checkout: {CASES.name}")
    queries = [json.loads(line)["query"] for line in CASES.read_text("utf-8").splitlines()]
    assert len(queries) >= 400
    assert_messages(reference, [request(decoded(query)) for query in queries])


def test_hostile_values_and_names(reference: ReferenceEngine) -> None:
    assert_messages(
        reference,
        [
            request({}),
            *(request({"event": value}) for value in HOSTILE),
            *(request({name: "value"}) for name in (*HOSTILE, *HOSTILE_NAMES)),
            *(request({name: name, "event": "e"}) for name in (*HOSTILE, *HOSTILE_NAMES)),
            request({f"evat_{number}": value for number, value in enumerate(HOSTILE)}),
            request(dict.fromkeys((*HOSTILE, *HOSTILE_NAMES), "value")),
            request(dict(zip(HOSTILE, reversed(HOSTILE), strict=True))),
        ],
    )


def test_many_parameters(reference: ReferenceEngine) -> None:
    assert_messages(reference, [request({f"p{n}": f"{n}" for n in range(900)})])


def test_parameters_beyond_the_loop_limit_are_left_out(reference: ReferenceEngine) -> None:
    assert_messages(reference, [request({f"p{n}": "" for n in range(LOOP_LIMIT + 100)})])


@pytest.mark.parametrize("name", ["origin", "Origin", "ORIGIN", "oRiGiN"])
@pytest.mark.parametrize("other", ["referer", "Referer", "REFERER"])
def test_headers_in_any_case(reference: ReferenceEngine, name: str, other: str) -> None:
    sent = {"event": "e", "endpoint_id": "1"}
    assert_messages(
        reference,
        [
            request(sent, {name: "https://shop.example", other: "https://shop.example/a?b=c&d#e"}),
            request(sent, {other: "https://shop.example/"}),
            request(sent, {name: "null"}),
            *(request(sent, {name: value, other: value}) for value in HOSTILE),
        ],
    )


def test_header_names_that_look_like_java(reference: ReferenceEngine) -> None:
    assert_messages(reference, [request({"event": "e"}, dict.fromkeys(HOSTILE_NAMES[1:9], "x"))])


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://a.example", "Referer": "b"}])
def test_parameters_cannot_reach_the_envelope(
    reference: ReferenceEngine, headers: Mapping[str, str]
) -> None:
    values = ("", "forged", "x\nv=1&access=authenticated\\n", "$origin")
    forged = [request(dict.fromkeys(ENVELOPE_NAMES, value), headers) for value in values]
    assert_messages(reference, forged)
    envelopes = {
        json.loads(output)["MessageBody"].split("\n")[0]
        for output in rendered(reference, [request({"event": "e"}, headers), *forged])
    }
    assert len(envelopes) == 1


names = st.one_of(st.sampled_from((*HOSTILE[:24], *HOSTILE_NAMES, *ENVELOPE_NAMES)), st.text())
values = st.one_of(st.sampled_from(HOSTILE), st.text())
header_names = st.one_of(
    st.sampled_from(["Origin", "origin", "ORIGIN", "Referer", "referer", "REFERER"]),
    st.sampled_from(HOSTILE_NAMES),
    st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True),
)


@bounded
@given(
    parameters=st.dictionaries(names, values, max_size=8),
    headers=st.lists(
        st.tuples(header_names, values), max_size=4, unique_by=lambda header: header[0].lower()
    ).map(dict),
)
def test_any_request(
    reference: ReferenceEngine, parameters: dict[str, str], headers: dict[str, str]
) -> None:
    assert_messages(reference, [request(parameters, headers)])


# The engines ------------------------------------------------------------------------------------

SUBJECT = replace(
    request(
        {"a": "1", "b": "x y", "size": "S", "empty": ""},
        {"Origin": "https://o.example"},
        fraction=1.5,
    ),
    path={"id": "7", "a": "from the path"},
    body='{"a":[1,2,{"b":null}],"s":"q\\"é😀","t":true}',
)

ALIKE = (
    # References without a value
    "[$nope] [$!nope] [${nope.x.y()}] [$context.nope.x] [$input.params('nope')]",
    # What surrounds directives
    "#foreach($i in [1..3])\n$i\n#end\nx",
    "#if(true)\na\n#else\nb\n#end\nc",
    "#if(false)\na\n#elseif(true)  \nb\n#else \nc\n#end \nd",
    "  #if(true)  \n a\n  #end  \nb  #if(true)  c  #end  d",
    "a #set($x = 1) b\n  #set($x = 2)\n c #if(true)  #set($x=3)  \n  #end d",
    "a\\ #set($x = 1)b",
    " #set($x=1) \n #set($y=2) \n b#*c*#\n",
    "## comment with $x #end\na ## another\nb#* and\n#set($x=1) *#c\n",
    # Scope
    "#foreach($i in [1,2])#set($last = $i)#end$last$i$foreach$velocityCount",
    "#set($i = 'kept')#foreach($i in [1,2])#set($i = 3)$i#end$i",
    "#foreach($i in ['a','b'])#foreach($j in [1,2])$i$j$foreach.index #end${foreach.count}#end",
    "#foreach($i in [1,2])$foreach.index $foreach.count $foreach.first $foreach.last #end",
    "#foreach($i in [1,2])$velocityCount $velocityHasNext#end",
    "#set($x = 1)#set($x = $nope)$x",
    '#set($x = \'a\')#set($y = "$x ${x}b ""$x"" #if(true)c#end\n")$y',
    "#set($x = '$context.requestTimeEpoch')$x",
    # Maps, by their names and by Java's
    "#foreach($value in $input.params().querystring)$value,#end",
    "#foreach($name in $input.params().querystring.keySet())$name=$foreach.hasNext,#end",
    "#foreach($e in $input.params().querystring.entrySet())$e.key=$e.value=$e.getValue()#end",
    "#set($q = $input.params().querystring)$q.a $q.size $q.size() $q.empty $q.isEmpty() $q.nope",
    "#set($q = $input.params().querystring)$q.get('b') $q.containsKey('b') $q.containsKey('c')",
    "$input.params().get('header').get('Origin') $input.params('a') $input.params('Origin')",
    "#set($p = $input.params())$p.path $p.querystring.keySet() $p.querystring.values() $p.size()",
    "#set($l = [1, 'a', $nope, [true]])$l $l.size() $l.get(1) $l.contains('a') $l.isEmpty()",
    "#set($l = [3..1])$l, #set($l = [])$l, #set($m = {})$m",
    "#set($m = {'z': 1, \"y\": {'x': [2]}})$m $m.y.x $m.z",
    # Strings
    "#set($s = 'Añ😀bc')$s.length() $s.substring(4) $s.substring(0, 2) $s.indexOf('b')",
    "#set($s = ' aB ')$s.toLowerCase()$s.toUpperCase()$s.trim()$s.isEmpty()$s.equals(' aB ')",
    "#set($s = 'abc')$s.startsWith('ab')$s.endsWith('x')$s.contains('b')$s.equalsIgnoreCase('ABC')",
    "#set($s = 'abc')$s.indexOf('x') $s.equals($nope) $s.toString()",
    # Conditions and sums
    "#if($nope)1#elseif(!$context.requestId)2#elseif($context.requestId)3#else#{end}",
    "#set($s = '')#if($s)set#end#if($s == '')empty#end",
    "#if($nope == '')no#end#if($nope == $nip)yes#end",
    "#if($nope && $nope.size() > 1)1#{else}2#end#if(true || $nope.size() > 1)3#end",
    "#if(1 == '1' && true == 'true' && 'a' != 'b')1#end#if('a' eq 'a' and not (1 gt 2))2#end",
    "#set($x = 1 + 2 * 3 - 4)$x, #set($x = (1 + 2) * 3)$x",
    "#set($x = -7 / 2)$x, #set($x = -7 % 3)$x",
    "#set($x = 'a' + 1)$x, #set($x = 1 + 'a')$x, #set($x = 2147483647 + 1)$x",
    "#set($x = 1 < 2 == true)$x, #set($x = false && false || true)$x",
    # $input and $util
    "$input.path('$.a[1]') $input.path('$.s') $input.path('$').t",
    "$input.json('$') $input.json('$.a') $input.json('$.s') $input.body",
    "$input.path('$.a').size() $input.path('$.x.y') $input.path('$.a[7]') $input.path('$.a[2].b')",
    "$util.urlEncode(\"a b*~-._+/é😀'$nope\") $util.urlDecode('a+b%20%C3%A9')",
    "$util.escapeJavaScript($input.body) $util.parseJson($input.body).t",
    "$util.base64Encode($input.body) $util.base64Decode('w6k=')",
    # Text
    '{"a":"$context.requestId","b":[$context.requestTimeEpoch,{"c":"\\n"}]}\n',
    "$context.requestId._x $context.nope._x $context.requestId.5",
    "$context.requestId.$context.requestId:${context.requestId}x ${context.requestId}[0]",
)
BOTH_REFUSE = (
    "#if(true)a#endtext",
    "#if(true)a",
    "#foreach($i in [1..3])a",
    "a#end",
    "#set($x = null)",
    "#set($x = 7-2)",
    "#set($x = $)",
    "${nope",
    "$util.urlEncode($nope)",
    "$util.urlDecode('%zz')",
    "$util.parseJson('{')",
    "#set($s = 'a')$s.substring(2)",
    "#set($s = 'a')$s.startsWith($nope)",
    '#set($s = "a #end")',
    "a#",
    "$context.requestId[",
    "$input.params().size()true",
)
WE_REFUSE = (
    # Velocity does more
    "#macro(m)x#end#m()",
    "#define($d)x#end$d",
    "#evaluate('x')",
    "#stop",
    "#foreach($i in [1,2])$i#break#end",
    "#[[x]]#",
    "#set($x = 1.5)$x",
    "#set($x = [1])$x[0]",
    "#set($x = {})#set($x.y = 1)$x.y",
    "#set($x = [1])$x.add(2)",
    "#foreach($i in [1])$foreach.parent#end",
    "$input.params().class",
    "\\$context.requestId",
    # Velocity renders it, and hides a mistake
    "#if('')a#{else}b#end",
    "$util.nope('x')",
    "$util.urlEncode ('x')",
    "$context.requestId.nope",
    "#foreach($i in 'abc')x#end",
    "#if('a' < 'b')x#end",
    "#set($x = 1 / 0)$x",
    "#set($x = 'a' + $nope)$x",
    "#IF(true)x#END",
    "$context.requestId##c\n",
    "$context.requestId{$context.requestId}",
    "#set($s = '😀')$s.substring(1)",
    "$stageVariables.x",
    "$context.fraction",
)


@pytest.mark.parametrize("template", ALIKE)
def test_both_render_alike(reference: ReferenceEngine, template: str) -> None:
    rendered(reference, [SUBJECT], template)


def test_the_reference_is_strict(reference: ReferenceEngine) -> None:
    # Other engines take this for #end and text, and API Gateway refuses to deploy it.
    with pytest.raises(ReferenceRefusal, match="EOF"):
        reference.render_many(EVENTS.replace("&#end$util", "&#endtext"), [SUBJECT])


@pytest.mark.parametrize("template", BOTH_REFUSE)
def test_both_refuse(reference: ReferenceEngine, template: str) -> None:
    with pytest.raises(ReferenceRefusal):
        reference.render_many(template, [SUBJECT])
    with pytest.raises(TemplateError):
        render(template, SUBJECT)


@pytest.mark.parametrize("template", WE_REFUSE)
def test_what_we_do_not_render_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, SUBJECT)


def test_a_refusal_says_where() -> None:
    with pytest.raises(TemplateError, match=r"^line 2: .*no method 'nope'.*: \$util\.nope\('x'\)$"):
        render("{\n$util.nope('x')\n}", SUBJECT)
    with pytest.raises(TemplateError, match=r"^line 3: expected .* instead of: nothing more$"):
        render("#if(true)\n\n", SUBJECT)


def test_foreach_ends_at_the_loop_limit(reference: ReferenceEngine) -> None:
    template = "#foreach($i in [1..1005])x#if(!$foreach.hasNext)last#end#end"
    assert rendered(reference, [SUBJECT], template) == ["x" * LOOP_LIMIT]


@pytest.mark.parametrize("text", ["\ud83d", "\ude00\ud83d", "a\ude00b"], ids=ascii)
def test_halves_of_characters(reference: ReferenceEngine, text: str) -> None:
    rendered(reference, [replace(SUBJECT, body=text)], "$util.urlEncode($input.body)")


def test_url_encode_every_character(reference: ReferenceEngine) -> None:
    # All of the basic plane but surrogates, and some of each plane beyond.
    points = (*range(1, 0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 97))
    body = "".join(map(chr, points))
    rendered(reference, [replace(SUBJECT, body=body)], "$util.urlEncode($input.body)")


references = st.sampled_from(
    (
        *("$nope", "$x", "$!y", "${x}", "$i", "$m.k", "$l", "$q", "$context.requestId"),
        *("$foreach.index", "$foreach.hasNext", "$velocityCount", "$context.nope.nope"),
        *("$q.size()", "$q.get('b')", "$q.get($x)", "$x.length()", "$x.equals($y)", "${q.a}"),
        *("$q.keySet()", "$l.size()", "$input.params('a')", '$util.urlEncode("$x b")'),
    )
)
literals = st.sampled_from(
    ("1", "-3", "'a'", "''", '"$x $y"', '"#if($x)a#end"', "true", "[1, $x]", "[1..3]", "{'k': 1}")
)
expressions = st.recursive(
    references | literals,
    lambda inner: st.one_of(
        inner.map("({})".format),
        inner.map("!{}".format),
        st.builds(
            "{}{}{}".format,
            inner,
            st.sampled_from(
                (*("==", " != ", " < ", ">=", " && ", "||"), *(" + ", " - ", "*", "/"))
            ),
            inner,
        ),
    ),
    max_leaves=4,
)
pieces = st.sampled_from(
    (*" \n\t.,:;=&!?-+*/%|@()[]{}\"'\\5a_é", " \n  ", "\n\n", "true", "end", "## c $x\n", "#*c*#")
)
gaps = st.sampled_from(("", "", " ", "\n", " \n", "  "))
templates = st.recursive(
    references | pieces,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds("#set(${} = {}){}".format, st.sampled_from("xylmi"), expressions, gaps),
        st.builds("#if({}){}{}#end{}".format, expressions, gaps, inner, gaps),
        st.builds(
            "#if({}){}#elseif({}){}{}#else{}{}#{{end}}".format,
            *(expressions, inner, expressions, gaps, inner, gaps, inner),
        ),
        st.builds("#foreach($i in {}){}{}#end{}".format, expressions, gaps, inner, gaps),
    ),
    max_leaves=12,
)


# The same templates each time: Velocity's lexer may have odd corners yet, and a build is not the
# place to come upon one. Without derandomize and with more examples this is how to look for them.
@settings(bounded, derandomize=True)
@given(templates)
def test_any_template_renders_alike_or_is_refused(reference: ReferenceEngine, body: str) -> None:
    template = (
        "#set($q = $input.params().querystring)#set($x = 'X y')#set($l = [1, 'a'])"
        f"#set($m = {{'k': 1}})\n|{body}"
    )
    try:
        ours = render(template, SUBJECT)
    except TemplateError:
        return
    assert reference.render_many(template, [SUBJECT]) == [ours]
