"""Odd requests: where does the body end? (RFC 9112 sections 6 and 7)"""

from ..cases import CLOSE, PAUSE, SMUGGLED, TAG, Expect, Group, chunked, post, request, sized

GROUPS = []


def group(*args):
    GROUPS.append(Group(*args))
    return GROUPS[-1]


FORWARD = Expect("forward")
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

# ---------------------------------------------------------------------------------------------------------------------
g = group("content-length", "Content-Length: syntax, repetition, overflow")

g.forward({
    "zero": post(b"Content-Length: 0", b""),
    "five": post(b"Content-Length: 5", b"hello"),
    "leading zeros": post(b"Content-Length: 005", b"hello"),
    "many leading zeros": post(b"Content-Length: 00000000000000005", b"hello"),
    "double zero": post(b"Content-Length: 00", b""),
    "without space": post(b"Content-Length:5", b"hello"),
    "spaces around": post(b"Content-Length:   5  ", b"hello"),
    "tabs around": post(b"Content-Length:\t5\t", b"hello"),
    "lower case": post(b"content-length: 5", b"hello"),
    "odd case": post(b"cOnTeNt-LeNgTh: 5", b"hello"),
    "body like a request": sized(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"),
    "body like a chunk": post(b"Content-Length: 15", HELLO),
    "body of all bytes": sized(bytes(range(256))),
    "body of line ends": sized(b"\r\n\r\n\n\r\r\n"),
    "body of 100 kB": sized(b"0123456789" * 10000),
    "body later": [post(b"Content-Length: 10", b""), PAUSE, b"hello", PAUSE, b"hello"],
    "none on POST": post(b"", b""),
    "similar name": post([b"Content-Lengt: 7", b"Content-Length: 5", b"XContent-Length: 9"], b"hello"),
    "then another": sized(b"hello", target=b"/" + TAG + b"a") + sized(b"world", target=b"/" + TAG + b"b"),
})
BAD_LENGTHS = {
    "empty": b"", "blank": b"   ", "plus": b"+5", "minus": b"-5", "minus zero": b"-0", "decimal point": b"5.0",
    "comma": b"5,", "leading comma": b",5", "exponent": b"5e0", "hex": b"0x5", "hex capital": b"0X5", "hex digit": b"A",
    "octal": b"0o5", "underscore": b"1_0", "inner space": b"1 0", "inner tab": b"1\t0", "letters": b"five",
    "letter behind": b"5a", "letter before": b"a5", "semicolon": b"5;", "quoted": b'"5"', "single quoted": b"'5'",
    "bracketed": b"(5)", "list of the same": b"5, 5", "list without space": b"5,5", "list of three": b"5, 5, 5",
    "list of different": b"5, 6", "list with zero": b"0, 5", "slash": b"5/5", "percent": b"%35", "vertical tab": b"\x0b5",
    "form feed": b"5\x0c", "NUL behind": b"5\x00", "NUL before": b"\x005", "no-break space": b"\xa05", "next line": b"5\x85",
    "full-width digit": b"\xef\xbc\x95", "superscript": b"\xb2", "infinity": b"inf", "bytes unit": b"5 bytes", "equals": b"=5",
    "2^64": b"18446744073709551616", "2^64 + 5": b"18446744073709551621", "2^65 + 5": b"36893488147419103237",
    "2^128": b"340282366920938463463374607431768211456", "2^64 - 1": b"18446744073709551615", "2^63": b"9223372036854775808",
    "30 nines": b"9" * 30, "500 nines": b"9" * 500, "2^32 with letter": b"4294967296x",
}
g.reject("content-length", 400, {name: post(b"Content-Length: " + value, b"hello" + SMUGGLED)
                                 for name, value in BAD_LENGTHS.items()})
g.reject("content-length", 400, {"%s on GET" % name: request(b"GET", fields=b"Content-Length: " + BAD_LENGTHS[name], body=SMUGGLED)
                                 for name in ("empty", "plus", "minus", "hex", "list of the same", "2^64")})
g.reject("content-length-repeated", 400, {
    "twice the same": post([b"Content-Length: 5", b"Content-Length: 5"], b"hello"),
    "twice, different": post([b"Content-Length: 5", b"Content-Length: 6"], b"hello!" + SMUGGLED),
    "zero, then five": post([b"Content-Length: 0", b"Content-Length: 5"], b"hello" + SMUGGLED),
    "five, then zero": post([b"Content-Length: 5", b"Content-Length: 0"], b"hello" + SMUGGLED),
    "different case": post([b"Content-Length: 5", b"content-length: 6"], b"hello!" + SMUGGLED),
    "apart": post([b"Content-Length: 5", b"X-A: 1", b"X-B: 2", b"Content-Length: 6"], b"hello!" + SMUGGLED),
    "equal in value": post([b"Content-Length: 5", b"Content-Length: 05"], b"hello"),
    "empty, then five": post([b"Content-Length:", b"Content-Length: 5"], b"hello" + SMUGGLED),
    "five, then empty": post([b"Content-Length: 5", b"Content-Length:"], b"hello" + SMUGGLED),
    "three times": post([b"Content-Length: 5"] * 3, b"hello"),
    "covers the smuggled": post([b"Content-Length: 0", b"Content-Length: %d" % len(SMUGGLED)], SMUGGLED),
})
g.silent({
    "client leaves before the body": [post(b"Content-Length: 5", b""), PAUSE, CLOSE],
    "client leaves in the body": [post(b"Content-Length: 5", b"hell"), PAUSE, CLOSE],
    "2^63 - 1 bytes announced": [post(b"Content-Length: 9223372036854775807", b"hello"), PAUSE, CLOSE],
})

# ---------------------------------------------------------------------------------------------------------------------
g = group("transfer-encoding", "Transfer-Encoding: names, lists, white space")


def coded(value, body=HELLO, name=b"Transfer-Encoding", version=b"HTTP/1.1"):
    return request(b"POST", fields=[name + b":" + value], body=body + SMUGGLED, version=version)


def coded_only(value, name=b"Transfer-Encoding"):
    return request(b"POST", fields=[name + b":" + value], body=HELLO)


g.forward({
    "chunked": coded_only(b" chunked"),
    "upper case": coded_only(b" CHUNKED"),
    "odd case": coded_only(b" cHuNkEd"),
    "without space": coded_only(b"chunked"),
    "tab before": coded_only(b"\tchunked"),
    "blanks around": coded_only(b" \t chunked \t "),
    "name in upper case": coded_only(b" chunked", b"TRANSFER-ENCODING"),
    "name in lower case": coded_only(b" chunked", b"transfer-encoding"),
    "empty body": chunked(b"0\r\n\r\n"),
    "on GET": chunked(HELLO, method=b"GET"),
    "on DELETE": chunked(HELLO, method=b"DELETE"),
    "on PUT": chunked(HELLO, method=b"PUT"),
    "on an unknown method": chunked(HELLO, method=b"PURGE"),
    "in many chunks": chunked(b"1\r\nh\r\n" * 300 + b"0\r\n\r\n"),
    "later": [chunked(b""), PAUSE, b"5\r\nhe", PAUSE, b"llo\r\n", PAUSE, b"0\r\n", PAUSE, b"\r\n"],
})
g.reject("transfer-encoding", 400, {
    "empty": coded(b""),
    "blank": coded(b"   "),
    "xchunked": coded(b" xchunked"),
    "chunkedx": coded(b" chunkedx"),
    "chunke": coded(b" chunke"),
    "chunk": coded(b" chunk"),
    "identity": coded(b" identity"),
    "gzip": coded(b" gzip"),
    "chunked, identity": coded(b" chunked, identity"),
    "chunked, gzip": coded(b" chunked, gzip"),
    "chunked, chunked": coded(b" chunked, chunked"),
    "chunked,chunked": coded(b" chunked,chunked"),
    "leading comma": coded(b" ,chunked"),
    "trailing comma": coded(b" chunked,"),
    "only a comma": coded(b" ,"),
    "parameter": coded(b" chunked;q=1"),
    "semicolon": coded(b" chunked;"),
    "quoted": coded(b' "chunked"'),
    "single quoted": coded(b" 'chunked'"),
    "two words": coded(b" chunked identity"),
    "inner space": coded(b" chun ked"),
    "vertical tab before": coded(b" \x0bchunked"),
    "vertical tab behind": coded(b" chunked\x0b"),
    "form feed before": coded(b" \x0cchunked"),
    "NUL behind": coded(b" chunked\x00"),
    "NUL before": coded(b" \x00chunked"),
    "CR before": coded(b" \rchunked"),
    "CR behind": coded(b" chunked\r"),
    "no-break space": coded(b" \xa0chunked"),
    "next line": coded(b" chunked\x85"),
    "0xff": coded(b" \xffchunked\xff"),
    "Kelvin sign": coded(b" chun\xe2\x84\xaaed"),
    "dot behind": coded(b" chunked."),
    "colon before": coded(b" :chunked"),
    "equals": coded(b"=chunked"),
    "backslash": coded(b" chunked\\"),
    "null": coded(b" null"),
    "deflate last": coded(b" chunked, deflate"),
})
g.reject("transfer-coding-unknown", 501, {
    "gzip, chunked": coded(b" gzip, chunked"),
    "identity, chunked": coded(b" identity, chunked"),
    "foo, chunked": coded(b" foo, chunked"),
    "x-gzip,deflate,chunked": coded(b" x-gzip,deflate,chunked"),
})
g.reject("transfer-encoding-repeated", 400, {
    "chunked twice": request(b"POST", fields=[b"Transfer-Encoding: chunked"] * 2, body=HELLO + SMUGGLED),
    "chunked, then identity": request(b"POST", fields=[b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
                                      body=HELLO + SMUGGLED),
    "identity, then chunked": request(b"POST", fields=[b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"],
                                      body=HELLO + SMUGGLED),
    "empty, then chunked": request(b"POST", fields=[b"Transfer-Encoding:", b"Transfer-Encoding: chunked"],
                                   body=HELLO + SMUGGLED),
    "chunked, then x": request(b"POST", fields=[b"Transfer-Encoding: chunked", b"Transfer-encoding: x"],
                               body=HELLO + SMUGGLED),
})
g.reject("transfer-encoding-http10", 400, {
    "chunked in HTTP/1.0": coded(b" chunked", version=b"HTTP/1.0"),
    "chunked in HTTP/1.0 with keep-alive": request(b"POST", fields=[b"Connection: keep-alive", b"Transfer-Encoding: chunked"],
                                                   body=HELLO + SMUGGLED, version=b"HTTP/1.0"),
    "identity in HTTP/1.0": coded(b" identity", version=b"HTTP/1.0"),
    "with Content-Length in HTTP/1.0": request(b"POST", fields=[b"Transfer-Encoding: chunked", b"Content-Length: 5"],
                                               body=HELLO, version=b"HTTP/1.0"),
})
g.reject("field-name", 400, {
    "space before the colon": coded(b" chunked", name=b"Transfer-Encoding "),
    "tab before the colon": coded(b" chunked", name=b"Transfer-Encoding\t"),
    "vertical tab before the colon": coded(b" chunked", name=b"Transfer-Encoding\x0b"),
    "NUL before the colon": coded(b" chunked", name=b"Transfer-Encoding\x00"),
    "NUL in the name": coded(b" chunked", name=b"Transfer\x00-Encoding"),
    "space in the name": coded(b" chunked", name=b"Transfer -Encoding"),
    "0x80 in the name": coded(b" chunked", name=b"Transfer-Encoding\x80"),
    "space before the name": coded(b" chunked", name=b" Transfer-Encoding"),
    "name over two lines": request(b"POST", fields=[b"Transfer-", b"Encoding: chunked", b"Content-Length: 5"], body=HELLO),
})
# Names that some endpoint may take for the real one: valid, so they may pass, but they must frame nothing here.
g.either({
    "Transfer_Encoding": request(b"POST", fields=[b"Transfer_Encoding: chunked", b"Content-Length: 5"], body=b"hello"),
    "Content_Length": request(b"POST", fields=[b"Content_Length: 7", b"Content-Length: 5"], body=b"hello"),
    "Transfer.Encoding": request(b"POST", fields=[b"Transfer.Encoding: chunked", b"Content-Length: 5"], body=b"hello"),
}, Expect("forward", without=[b"Transfer_Encoding", b"Content_Length", b"Transfer.Encoding"]), Expect("reject", [400], "field-name"))

# ---------------------------------------------------------------------------------------------------------------------
g = group("length-and-coding", "Content-Length with Transfer-Encoding")


def both(first, second, body=HELLO + SMUGGLED, method=b"POST"):
    return request(method, fields=[first, second], body=body)


CL, TE = b"Content-Length: 5", b"Transfer-Encoding: chunked"
g.reject("length-and-coding", 400, {
    "length first": both(CL, TE),
    "coding first": both(TE, CL),
    "length of the chunked form": both(b"Content-Length: 15", TE),
    "length zero": both(b"Content-Length: 0", TE),
    "length covers the smuggled": both(b"Content-Length: %d" % (len(HELLO) + len(SMUGGLED)), TE),
    "on GET": both(CL, TE, method=b"GET"),
    "on HEAD": both(CL, TE, method=b"HEAD"),
    "on OPTIONS": both(CL, TE, method=b"OPTIONS"),
    "lower case": both(b"content-length: 5", b"transfer-encoding: chunked"),
    "connection close": request(b"POST", fields=[CL, TE, b"Connection: close"], body=HELLO + SMUGGLED),
    "connection lists the length": request(b"POST", fields=[CL, TE, b"Connection: Content-Length"], body=HELLO + SMUGGLED),
    "connection lists the coding": request(b"POST", fields=[CL, TE, b"Connection: Transfer-Encoding"], body=HELLO + SMUGGLED),
    "last chunk first": both(b"Content-Length: %d" % (5 + len(SMUGGLED)), TE, b"0\r\n\r\n" + SMUGGLED),
    "apart": request(b"POST", fields=[CL] + [b"X-%d: y" % n for n in range(20)] + [TE], body=HELLO + SMUGGLED),
})
g.reject("content-length", 400, {
    "bad length first": both(b"Content-Length: x", TE),
    "empty length": both(b"Content-Length:", TE),
    "negative length": both(b"Content-Length: -1", TE),
})
g.reject("transfer-encoding", 400, {
    "unknown coding and length": both(b"Transfer-Encoding: xchunked", CL, b"hello" + SMUGGLED),
    "length and comma coding": both(CL, b"Transfer-Encoding: ,chunked", b"hello" + SMUGGLED),
    "tab coding": both(CL, b"Transfer-Encoding:\x0bchunked", b"hello" + SMUGGLED),
    "identity and length": both(b"Transfer-Encoding: identity", CL, b"hello" + SMUGGLED),
    "empty coding and length": both(b"Transfer-Encoding:", CL, b"hello" + SMUGGLED),
})
g.reject("obs-fold", 400, {
    "folded coding": both(CL, b"Transfer-Encoding:\r\n chunked"),
    "coding folded into another": both(CL, b"X-A: b\r\n Transfer-Encoding: chunked"),
    "length folded": both(b"Content-Length:\r\n 5", TE),
})
g.reject("line-end", 400, {
    "coding after a bare LF": both(CL, b"X-A: b\nTransfer-Encoding: chunked"),
    "coding after a bare CR": both(CL, b"X-A: b\rTransfer-Encoding: chunked"),
    "coding after CR CR LF": both(CL, b"X-A: b\r\r\nTransfer-Encoding: chunked"),
})

# ---------------------------------------------------------------------------------------------------------------------
g = group("chunk-size", "Chunk sizes: digits, signs, overflow")
g.forward({
    "upper-case digits": chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
    "lower-case digits": chunked(b"a\r\n0123456789\r\n0\r\n\r\n"),
    "leading zeros": chunked(b"0005\r\nhello\r\n0\r\n\r\n"),
    "long last chunk": chunked(b"5\r\nhello\r\n000\r\n\r\n"),
    "all hex digits": chunked(b"1F\r\n" + b"x" * 31 + b"\r\n1f\r\n" + b"y" * 31 + b"\r\n0\r\n\r\n"),
    "data of line ends": chunked(b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n"),
    "data like a request": chunked(b"%x\r\n" % len(SMUGGLED[:-40]) + b"G" * len(SMUGGLED[:-40]) + b"\r\n0\r\n\r\n"),
    "64 kB": chunked(b"10000\r\n" + b"z" * 65536 + b"\r\n0\r\n\r\n"),
    "then another": chunked(HELLO, target=b"/" + TAG + b"a") + chunked(HELLO, target=b"/" + TAG + b"b"),
    "15 leading zeros": chunked(b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
})
BAD_SIZES = {
    "empty": b"", "blank": b" ", "letter g": b"g", "hex prefix": b"0x5", "hex prefix upper": b"0X5", "plus": b"+5", "minus": b"-5",
    "minus zero": b"-0", "plus zero": b"+0", "underscore": b"0_5", "leading space": b" 5", "leading tab": b"\t5",
    "inner space": b"0 5", "comma": b"5,", "point": b"5.0", "exclamation": b"5!", "letters behind": b"5hello", "quote": b'"5"',
    "h suffix": b"5h", "percent": b"%35", "colon": b"5:", "equals": b"5=", "vertical tab": b"\x0b5", "vertical tab behind": b"5\x0b",
    "form feed": b"5\x0c", "NUL": b"\x005", "NUL behind": b"5\x00", "0xa0": b"\xa05", "0xff behind": b"5\xff", "backslash": b"5\\",
    "16 digits": b"f" * 16, "17 digits": b"10000000000000005", "20 digits": b"1" + b"0" * 18 + b"5", "32 digits": b"f" * 32,
    "2^63": b"8000000000000000", "2^64 - 1": b"ffffffffffffffff", "2^64 + 5": b"10000000000000005", "tilde": b"~5", "slash": b"5/",
    "two sizes": b"5 5", "CR": b"5\r", "LF in it": b"5\n5", "200 digits": b"1" * 200,
}
g.abort("chunk-size", 400, {name: chunked(value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED) for name, value in BAD_SIZES.items()})
g.abort("chunk-size", 400, {"%s as the last" % name: chunked(b"5\r\nhello\r\n" + value + b"\r\n\r\n" + SMUGGLED)
                            for name, value in {
                                "empty": b"", "0x0": b"0x0", "minus zero": b"-0", "plus zero": b"+0", "letter": b"0h",
                                "space before": b" 0", "underscore": b"0_0", "CR before": b"\r0", "O for 0": b"O",
                            }.items()})
g.abort("chunk-size", 400, {"%s as the second" % name: chunked(b"5\r\nhello\r\n" + value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
                            for name, value in {
                                "empty": b"", "hex prefix": b"0x5", "minus": b"-5", "17 digits": b"10000000000000005", "letter": b"5z",
                            }.items()})
g.abort("chunk-size", 400, {
    "space behind": chunked(b"5 \r\nhello\r\n0\r\n\r\n"),
    "tab behind": chunked(b"5\t\r\nhello\r\n0\r\n\r\n"),
    "spaces behind the last": chunked(b"5\r\nhello\r\n0   \r\n\r\n"),
})
g.silent({
    "size of 2^59": [chunked(b"800000000000000\r\nhello"), PAUSE, CLOSE],
    "client leaves in a chunk": [chunked(b"5\r\nhel"), PAUSE, CLOSE],
    "client leaves after a chunk": [chunked(b"5\r\nhello\r\n"), PAUSE, CLOSE],
    "client leaves before the last line": [chunked(b"5\r\nhello\r\n0\r\n"), PAUSE, CLOSE],
})

# ---------------------------------------------------------------------------------------------------------------------
g = group("chunk-line", "Chunk lines: their ends, the CRLF after the data")
LINE_ENDS = {"LF": b"\n", "CR": b"\r", "CR CR LF": b"\r\r\n", "LF CR": b"\n\r", "NUL LF": b"\x00\n", "CR NUL LF": b"\r\x00\n",
             "CR space LF": b"\r \n"}
for end_name, end in LINE_ENDS.items():
    g.abort("chunk-line", 400, {
        "%s after the size" % end_name: chunked(b"5" + end + b"hello\r\n0\r\n\r\n" + SMUGGLED),
        "%s after the data" % end_name: chunked(b"5\r\nhello" + end + b"0\r\n\r\n" + SMUGGLED),
        "%s after the last size" % end_name: chunked(b"5\r\nhello\r\n0" + end + b"\r\n" + SMUGGLED),
        "%s after an extension" % end_name: chunked(b"5;a=b" + end + b"hello\r\n0\r\n\r\n" + SMUGGLED),
    })
g.abort("chunk-line", 400, {
    "bare LF at the end": chunked(b"5\r\nhello\r\n0\r\n\n" + SMUGGLED),
    "LF LF at the end": chunked(b"5\r\nhello\r\n0\n\n" + SMUGGLED),
    "CR CR LF at the end": chunked(b"5\r\nhello\r\n0\r\n\r\r\n" + SMUGGLED),
    "CR at the end": chunked(b"5\r\nhello\r\n0\r\n\rX" + SMUGGLED),
    "nothing after the data": chunked(b"5\r\nhello0\r\n\r\n" + SMUGGLED),
    "one byte too many": chunked(b"5\r\nhello!\r\n0\r\n\r\n" + SMUGGLED),
    "two bytes instead of CRLF": chunked(b"5\r\nhelloXX0\r\n\r\n" + SMUGGLED),
    "CR and another byte": chunked(b"5\r\nhello\rX0\r\n\r\n" + SMUGGLED),
    "another byte and LF": chunked(b"5\r\nhelloX\n0\r\n\r\n" + SMUGGLED),
    "one byte too few": chunked(b"6\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "empty line between chunks": chunked(b"5\r\nhello\r\n\r\n5\r\nworld\r\n0\r\n\r\n" + SMUGGLED),
    "empty line before the first": chunked(b"\r\n5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "data after the last chunk": chunked(b"5\r\nhello\r\n0\r\nhello\r\n\r\n" + SMUGGLED),
    "no chunks at all": chunked(SMUGGLED),
})

# ---------------------------------------------------------------------------------------------------------------------
g = group("chunk-extension", "Chunk extensions: valid ones dropped, malformed ones refused")


def extended(extension, last=b""):
    return chunked(b"5" + extension + b"\r\nhello\r\n0" + last + b"\r\n\r\n")


g.forward({
    "name": extended(b";a"),
    "name and value": extended(b";a=b"),
    "several": extended(b";a=b;c=d;e"),
    "quoted": extended(b';a="b c"'),
    "empty quoted": extended(b';a=""'),
    "quoted semicolon": extended(b';a="b;c=d"'),
    "quoted pair": extended(b';a="b\\"c"'),
    "quoted backslash": extended(b';a="\\\\"'),
    "quoted tab": extended(b';a="b\tc"'),
    "quoted obs-text": extended(b';a="\xe4\xff"'),
    "quoted size": extended(b';a="0"'),
    "on the last chunk": extended(b"", b";a=b"),
    "quoted on the last chunk": extended(b"", b';a="b"'),
    "all token characters": extended(b";!#$%&'*+-.^_`|~0aZ=!#$%&'*+-.^_`|~0aZ"),
    "100 bytes": extended(b";a=" + b"b" * 97),
    "digits": extended(b";5=5"),
})
g.either({
    "space before the semicolon": extended(b" ;a"),
    "space after the semicolon": extended(b"; a"),
    "spaces around the equals sign": extended(b"; a = b"),
    "tabs": extended(b"\t;\ta\t=\tb"),
}, FORWARD, Expect("abort", [400], "chunk-extension"))
BAD_EXTENSIONS = {
    "only a semicolon": b";", "two semicolons": b";;a", "semicolon at the end": b";a;", "no name": b";=b", "no value": b";a=",
    "equals twice": b";a=b=c", "space in the name": b";a b", "space in the value": b";a=b c", "unclosed quote": b';a="b',
    "quote behind": b';a=b"', "quote in the middle": b';a=b"c"', "text after the quote": b';a="b"c', "backslash at the end": b';a="b\\',
    "comma": b";a,b", "slash": b";a/b", "colon": b";a:b", "brackets": b";a(b)", "at sign": b";a@b", "CR": b";a\rb", "LF": b";a\nb",
    "CR in quotes": b';a="b\rc"', "LF in quotes": b';a="b\nc"', "CRLF in quotes": b';a="b\r\nc"', "NUL": b";a\x00", "NUL in quotes": b';a="\x00"',
    "DEL": b";a\x7f", "vertical tab": b";\x0ba", "0x80": b";\x80", "0xff in the value": b";a=\xff", "escaped NUL": b';a="\\\x00"',
    "escaped CR": b';a="\\\r"', "escaped LF": b';a="\\\n"', "CR CR": b";a=b\r\r", "space CR": b"; \r\r", "no semicolon": b"a=b;",
    "0x1b": b';a="\x1b"', "LF size behind": b";\n0",
}
g.abort("chunk-extension", 400, {name: chunked(b"5" + value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
                                 for name, value in BAD_EXTENSIONS.items() if name != "no semicolon"})
g.abort("chunk-extension", 400, {"%s on the last chunk" % name:
                                 chunked(b"5\r\nhello\r\n0" + BAD_EXTENSIONS[name] + b"\r\n\r\n" + SMUGGLED)
                                 for name in ("only a semicolon", "LF", "CR", "NUL", "unclosed quote", "LF size behind",
                                              "no value", "CR in quotes")})
g.abort("chunk-extension", 400, {
    "20 kB in one": extended(b";a=" + b"b" * 20000),
    "a kilobyte on each of a hundred": chunked((b"1;a=" + b"b" * 1000 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n"),
})

# ---------------------------------------------------------------------------------------------------------------------
g = group("trailers", "Trailer fields")


def trailing(trailers, *fields):
    return chunked(b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n", *fields)


g.forward({
    "one": trailing(b"X-Sum: 1\r\n"),
    "announced": trailing(b"X-Sum: 1\r\n", b"Trailer: X-Sum"),
    "three": trailing(b"X-A: 1\r\nX-B: 2\r\nX-C: 3\r\n"),
    "repeated": trailing(b"X-A: 1\r\nX-A: 2\r\n"),
    "empty value": trailing(b"X-A:\r\n"),
    "obs-text": trailing(b"X-A: \xe4\r\n"),
    "with TE: trailers": trailing(b"X-A: 1\r\n", b"TE: trailers", b"Connection: TE"),
    "announced but absent": trailing(b"", b"Trailer: X-Sum"),
    "same name as a field": trailing(b"X-A: 2\r\n", b"X-A: 1"),
    "no other request inside": trailing(b"X:POST /" + TAG + b" HTTP/1.1\r\n"),
})
FORBIDDEN = ["Content-Length: 5", "Content-Length: 0", "Transfer-Encoding: chunked", "Host: other.test", "Connection: close",
             "Connection: keep-alive", "Upgrade: websocket", "X-Amz-Executed-Version: 9", "x-amzn-RequestId: 1", "Trailer: X-A",
             "TE: trailers", "Keep-Alive: 5", "Proxy-Connection: close", "Expect: 100-continue", "X-Forwarded-For: 6.6.6.6",
             "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test", "Via: 1.1 evil", "Content-Encoding: gzip", "Content-Type: a/b",
             "Content-Range: bytes 0-4/5", "Authorization: Basic eDp5", "Proxy-Authorization: Basic eDp5", "Set-Cookie: a=b", "Cookie: a=b",
             "Cache-Control: no-store", "Max-Forwards: 0", "Range: bytes=0-1", "If-Match: x", "Te: gzip", "Forwarded: for=6.6.6.6"]
# Framing, routing and what weir itself vouches for; the rest of RFC 9110 6.5.1's list may also be dropped.
HARMFUL = {"content-length", "transfer-encoding", "host", "connection", "upgrade", "x-amz-executed-version", "x-amzn-requestid",
           "trailer", "te", "keep-alive", "proxy-connection", "expect", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via",
           "forwarded"}
for line in FORBIDDEN:
    row = {"forbidden %s" % line: trailing(line.encode() + b"\r\n")}
    if line.split(":")[0].lower() in HARMFUL:
        g.abort("trailer-field", 400, row)
    else:
        g.either(row, Expect("abort", [400], "trailer-field"), Expect("forward", trailers=()))
g.abort("trailer-field", 400, {
    "forbidden in lower case": trailing(b"content-length: 5\r\n"),
    "forbidden behind a good one": trailing(b"X-A: 1\r\nTransfer-Encoding: chunked\r\n"),
    "forbidden and announced": trailing(b"Content-Length: 5\r\n", b"Trailer: Content-Length"),
})
g.abort("trailer-syntax", 400, {
    "no colon": trailing(b"X-A\r\n"),
    "no name": trailing(b": a\r\n"),
    "space before the colon": trailing(b"X-A : 1\r\n"),
    "space in the name": trailing(b"X A: 1\r\n"),
    "leading space": trailing(b" X-A: 1\r\n"),
    "folded": trailing(b"X-A: 1\r\n 2\r\n"),
    "NUL": trailing(b"X-A: \x00\r\n"),
    "control byte": trailing(b"X-A: \x01\r\n"),
    "DEL": trailing(b"X-A: \x7f\r\n"),
    "bare CR in the value": trailing(b"X-A: 1\r2\r\n"),
    "bare LF at the end": trailing(b"X-A: 1\n"),
    "bare LF between": trailing(b"X-A: 1\nX-B: 2\r\n"),
    "0x80 in the name": trailing(b"X-\x80: 1\r\n"),
    "bare LF at the very end": chunked(b"5\r\nhello\r\n0\r\nX-A: 1\r\n\n" + SMUGGLED),
    "request line": chunked(b"5\r\nhello\r\n0\r\n" + SMUGGLED),
})
g.abort("trailer-size", 431, {
    "60 kB in one": trailing(b"X-A: " + b"1" * 60000 + b"\r\n"),
    "2000 of them": trailing(b"X-A: 1\r\n" * 2000),
})
g.silent({"client leaves in a trailer": [chunked(b"5\r\nhello\r\n0\r\nX-A: 1"), PAUSE, CLOSE]})
