"""The local engine of mapping templates, compared with Apache Velocity 1.7."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.vtl import LOOP_LIMIT, Rendered, Request, TemplateError, render, render_response
from tests.velocity import ReferenceRefusal
from tests.velocity.both import rendered, responses

if TYPE_CHECKING:
    from tests.velocity import ReferenceEngine


SUBJECT = Request(
    querystring={"a": "1", "b": "x y", "size": "S", "empty": ""},
    headers={
        "Host": "api.example",
        "Accept": "image/svg+xml,*/*",
        "Origin": "https://o.example",
    },
    context={
        "requestTimeEpoch": 1_764_000_000_123,
        "extendedRequestId": "JKJa/mP+vHcESHA=",
        "requestId": "forgeable",
        "fraction": 1.5,
        "authorizer": {"principalId": "p q", "claims": {"sub": "s", "custom:endpoint_id": "e 1"}},
        "identity": {"userArn": None, "cognitoIdentityId": ""},
    },
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
    "#set($s = 'https://a.b')$s.matches('https?://[a-z0-9-]+([.][a-z0-9-]+)*|x') $s.matches('a')",
    # What an authorizer says, or does not
    '#set($s = "$!context.authorizer.principalId|$context.authorizer.claims.sub")$s',
    "#set($s = \"$!context.authorizer.claims.get('custom:endpoint_id')|\")$s",
    "#set($s = \"$!context.authorizer.claims.get('custom:x')\")[$s]#if($s == '')empty#end",
    "#set($s = \"$!context.nope.claims.get('a')$!context.nope.a.b\")[$s]$s.isEmpty()",
    '#set($s = "$!{context.identity.userArn}$!context.identity.userArn.x")[$s]$s.isEmpty()',
    '#set($s = "$!context.identity.cognitoIdentityId")[$s]#if($s == "")empty#end',
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
    "$context.fraction $util.parseJson('[0.5,-1.5e-9,1e21,100.0,12345678.9,0.001,1e400]')",
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
    "#set($s = 'a')$s.matches('[')",
    "#set($s = 'a')$s.matches('*a')",
    "#set($s = 'a')$s.matches($nope)",
    "#set($context.responseOverride.header.1 = 'x')",
    "#set($context.responseOverride.header.é = 'x')",
    "#set($context.responseOverride.header. = 'x')",
    "#set($context.responseOverride.status 413)",
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
    "#set($s = 'a')$s.matches('.')",
    "#set($s = 'a')$s.matches('(?i)A')",
    "#set($s = 'a')$s.matches('[^b]')",
    # Of what can be set, only the answer's overrides are known, and how they read is not
    "#set($context.requestId = 'x')",
    "#set($context.responseOverride = {})",
    "#set($context.responseOverride.header = {})",
    "#set($context.responseOverride.header.a.b = 'x')",
    "#set($context.responseOverride.header.get('a') = 'x')",
    "#set($context.responseOverride.header['a'] = 'x')",
    "#set($context.responseOverride.header.a = 1)",
    "#set($context.responseOverride.status = '413')",
    "#set($context.responseOverride.status = true)",
    "#set($context.requestOverride.header.a = 'x')",
    "#set($context = {})#set($context.responseOverride.status = 413)",
    "#set($context.responseOverride.status = 413)$context.responseOverride.status",
    "$context.responseOverride.header.get('a')",
    "$context",
)
HEADER: Final = "#set($context.responseOverride.header"
STATUS: Final = "#set($context.responseOverride.status"
OVERRIDES: Final = (
    (
        f"{HEADER}.Access-Control-Allow-Origin = 'https://a.b')x",
        Rendered("x", headers={"Access-Control-Allow-Origin": "https://a.b"}),
    ),
    (
        'a\n  #set( $context.responseOverride.header.x_1="$context.requestId é" )  \nb',
        Rendered("a\n  b", headers={"x_1": "forgeable é"}),
    ),
    (
        f"{HEADER}.A = 'x'){HEADER}.a = ''){HEADER}.A = 'y')",
        Rendered("", headers={"A": "y", "a": ""}),
    ),
    (
        f"{HEADER}.keySet = 'x'){HEADER}.status = 'y')",
        Rendered("", headers={"keySet": "x", "status": "y"}),
    ),
    (f"{STATUS} = 413)\ny", Rendered("y", 413)),
    (f"{STATUS} = 400 + 4)", Rendered("", 404)),
    (f"#foreach($i in [1, 2])#if($i == 2){STATUS} = 500 + $i)#end#end", Rendered("", 502)),
    (f"{STATUS} = 413){STATUS} = $nope){HEADER}.a = $nope)z", Rendered("z", 413)),
    ("#if($context.responseOverride)yes#end", Rendered("yes")),
)


@pytest.mark.parametrize("template", ALIKE)
def test_both_render_alike(reference: ReferenceEngine, template: str) -> None:
    rendered(reference, [SUBJECT], template)


@pytest.mark.parametrize(("template", "expected"), OVERRIDES)
def test_both_override_alike(reference: ReferenceEngine, template: str, expected: Rendered) -> None:
    assert responses(reference, [SUBJECT], template) == [expected]
    assert render(template, SUBJECT) == expected.text
    assert "responseOverride" not in SUBJECT.context


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
    with pytest.raises(
        TemplateError, match=r"^line 3: expected .* instead of: the end of the template$"
    ):
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


expression_pieces = st.recursive(
    st.sampled_from(("a", "b", "ab", "-", "[a-z]", "[a-]", "[.]", "[b.]", ":", "/", "()")),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, st.sampled_from("*+?")),
        st.builds("{}{}".format, st.sampled_from(("a", "[ab]", "[.]")), st.sampled_from("*+?")),
        st.builds("{}|".format, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=200)
@given(expression=expression_pieces, body=st.text("ab.-:/\n", max_size=6))
def test_regular_expressions(reference: ReferenceEngine, expression: str, body: str) -> None:
    rendered(reference, [replace(SUBJECT, body=body)], f"$input.body.matches('{expression}')")


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
        st.builds((HEADER + ".X-y = {}){}").format, expressions, gaps),
        st.builds((STATUS + " = {}){}").format, expressions, gaps),
        st.builds("#if({}){}{}#end{}".format, expressions, gaps, inner, gaps),
        st.builds(
            "#if({}){}#elseif({}){}{}#else{}{}#{{end}}".format,
            *(expressions, inner, expressions, gaps, inner, gaps, inner),
        ),
        st.builds("#foreach($i in {}){}{}#end{}".format, expressions, gaps, inner, gaps),
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(templates)
def test_any_template_renders_alike_or_is_refused(reference: ReferenceEngine, body: str) -> None:
    template = (
        "#set($q = $input.params().querystring)#set($x = 'X y')#set($l = [1, 'a'])"
        f"#set($m = {{'k': 1}})\n|{body}"
    )
    try:
        ours = render_response(template, SUBJECT)
    except TemplateError:
        return
    assert reference.render_many(template, [SUBJECT]) == [ours]
