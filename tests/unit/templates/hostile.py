"""Values and names that try to break out of their place in a message."""

from __future__ import annotations

from typing import Final

from tests.unit.templates.request_templates import QUEUE_URL

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
    "x" * 500,
    "ж😀" * 200,
    "null",
    "undefined",
    "true",
    "0",
    # airspeed-ext uses this as a separator between its own functions.
    "__FORMAL_REFERENCE__REPLACE_TEXT__",
)
HOSTILE_NAMES = (
    *("keySet", "get", "entrySet", "values", "size", "isEmpty", "containsKey", "put", "remove"),
    *("class", "getClass", "toString", "hashCode", "length", "__class__", "__getitem__", "items"),
    *("header", "querystring", "path", "name", "params", "origin", "foreach", "input", "util"),
)
ENVELOPE_NAMES: Final = tuple(
    spelling
    for name in (
        *(
            "v",
            "time",
            "access",
            "subject",
            "endpoint",
            "bound",
            "origin",
            "referer",
            "privacy",
            "content",
        ),
        *("identity", "principalId", "authorizer", "claims", "context"),
    )
    for spelling in (name, name.title(), name.upper())
)
FORGED_ENVELOPE: Final = "v=1&time=0&access=authenticated&subject=alice&endpoint=victim"
FORGERIES: Final = (
    "authenticated",
    "alice",
    f"&{FORGED_ENVELOPE}",
    f"anonymous&{FORGED_ENVELOPE}&origin=https://shop.example",
    f"\n{FORGED_ENVELOPE}",
    f"\r\n{FORGED_ENVELOPE}\r\n",
    f"\\n{FORGED_ENVELOPE}",
    f"%0A{FORGED_ENVELOPE}",
    f"\u2028{FORGED_ENVELOPE}\u0085{FORGED_ENVELOPE}",
    f'x"}}{{"QueueUrl":"{QUEUE_URL}","MessageBody":"{FORGED_ENVELOPE}\\nevent=e',
    f'","MessageBody":"{FORGED_ENVELOPE}\\n',
    '#set($identity = "&subject=alice&endpoint=victim")#set($origin = "&origin=x")',
    "#end#end#end$identity$!context.authorizer.principalId",
    "https://shop.example",
    "1",
)
