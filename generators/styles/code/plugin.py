"""The kernel's hooks: functions in C, laid out as the kernel lays them out."""

from string import ascii_letters

DEPTH = 5  # tabs before the innermost statements

KEYWORDS = """
NULL auto bool break case char const continue default do double else enum extern float for goto if inline int long
offsetof register return short signed sizeof static struct switch typedef union unsigned void volatile while
"""

FUNCTION = r"""
root       ::= remarks? storage type ("\n" | " " "*"{0,2}) id "(" parameters ")" "\n{\n" (line-1 | label)+ "}\n"
label      ::= "\n"? id ":\n\t" sole-1
remarks    ::= "/*" "*"? "\n" (" *" (" " remark)? "\n")+ " */\n"
storage    ::= ("static " "inline "?)? "const "?
parameters ::= "void" | parameter (comma parameter)* ", ..."?
parameter  ::= "const "? type " " "*"{0,2} id "[]"?
"""

# An expression has no precedence here: any operand may follow any operator.
EXPRESSION = r"""
expr       ::= operands (" ? " operands " : " operands)?
operands   ::= unary (" " operator break unary)*
operator   ::= [-+*/%&|^<>] | "<<" | ">>" | "&&" | "||" | "==" | "!=" | "<=" | ">="
unary      ::= [-!~*&]? postfix | "(" cast ")" postfix
cast       ::= "struct " id " *" | "unsigned " ("long" | "int" | "char") " *"? | "void *" | "char *" | "int" | "long"
postfix    ::= number | strings | character | "NULL" | primary access*
access     ::= "(" arguments? ")" | "[" expr "]" | "." id | "->" id | "++" | "--"
primary    ::= id | "(" condition ")" | "sizeof(" ("struct " id | "*"? postfix) ")"
condition  ::= expr | place " = " expr
arguments  ::= argument (comma argument)*
argument   ::= expr | id " " strings
number     ::= ("0" | [1-9] [0-9]* | "0x" [0-9a-fA-F]+) ("U" | "L" | "UL" | "LL" | "ULL")?
character  ::= "'" ([^'\\\n] | "\\" [nt0r'\\]) "'"
strings    ::= string ("\n" indent string)*
string     ::= "\"" ([^"\\\n] | "\\" ["\\nt0r])* "\""
comma      ::= "," break
break      ::= " " | "\n" indent
indent     ::= "\t"+ " "{0,7}
"""

STATEMENT = r"""
simple     ::= "return" (" " expr)? | "break" | "continue" | "goto " id | change
change     ::= place | place " " assigns break (place " = ")* expr | ("++" | "--") place
changes    ::= change (", " change)*
place      ::= "*"? id access*
assigns    ::= "=" | "+=" | "-=" | "*=" | "/=" | "|=" | "&=" | "^=" | "<<=" | ">>="
declares   ::= "static "? "const "? type " " declared (", " declared)*
declared   ::= "*"{0,2} id ("[" expr? "]")? (" = " ("{" arguments? "}" | expr))?
type       ::= ("struct " | "enum " | "union ") id | id | "void" | "bool" | "char" | "short" | "int" | "long" " long"?
             | "unsigned" (" char" | " short" | " int" | " long" | " long long")?
eol        ::= ([ \t] "/* " remark " */")? "\n"
remark     ::= [^*\n /] ([^*\n]* [^*\n ])?
"""

# Statements that stand after D tabs (TABS); those inside them stand after E = D + 1. The body of an `if` without braces
# is no declaration, and neither is what a label stands before.
NESTED = r"""
line-D     ::= "\n"? (TABS comment-D)? TABS statement-D
comment-D  ::= "/* " remark " */\n" | "/*\n" (TABS " *" (" " remark)? "\n")+ TABS " */\n"
statement-D ::= sole-D | declares ";" eol
sole-D     ::= simple ";" eol | if-D | loop-D | do-D | switch-D
body-D     ::= eol TABS "\t" sole-E
block-D    ::= "{" eol line-E+ TABS "}"
if-D       ::= "if (" condition ")" (" " block-D (eol | " " else-D) | body-D (TABS else-D)?)
else-D     ::= "else" (" " if-D | " " block-D eol | body-D)
loop-D     ::= ("while (" condition ")" | "for (" changes? "; " expr? "; " changes? ")") (" " block-D eol | body-D)
do-D       ::= "do " block-D " while (" condition ");" eol
switch-D   ::= "switch (" condition ") {\n" case-D+ (TABS "default:" eol line-E+)? TABS "}" eol
case-D     ::= (TABS "case " expr ":" eol)+ line-E+
"""
INNERMOST = r"""
line-D     ::= "\n"? (TABS comment-D)? TABS statement-D
comment-D  ::= "/* " remark " */\n"
statement-D ::= sole-D | declares ";" eol
sole-D     ::= simple ";" eol
"""


def prompt(message: str) -> str:
    """Let the message stand as the comment before the function that answers it."""
    remark = " ".join(message.replace("*/", "").split())
    return f"}}\n\n/*\n * {remark}\n */\n"


def grammar(alphabet: str) -> str:
    """Write down what a function is."""
    del alphabet
    nested = [_at(depth, NESTED if depth < DEPTH else INNERMOST) for depth in range(1, DEPTH + 1)]
    return FUNCTION + EXPRESSION + STATEMENT + "".join(nested) + _names()


def _at(depth: int, rules: str) -> str:
    """Return the rules of statements after `depth` tabs."""
    named = rules.replace("-D", f"-{depth}").replace("-E", f"-{depth + 1}")
    return named.replace("TABS", '"' + "\\t" * depth + '"')


def _names() -> str:
    """Return the rules of a name that is no keyword: a trie of the keywords, which a name has to leave somewhere."""
    words = KEYWORDS.split()
    stems = sorted({word[:size] for word in words for size in range(len(word) + 1)})
    rule = {stem: f"id-{number}" if stem else "id" for number, stem in enumerate(stems)}
    rules = ["id-rest ::= [a-zA-Z0-9_]*"]
    for stem in stems:
        on = sorted({word[len(stem)] for word in words if word.startswith(stem) and word != stem})
        off = "".join(letter for letter in ascii_letters if letter not in on) + "_" + ("0-9" if stem else "")
        ways = [f'"{letter}" {rule[stem + letter]}' for letter in on] + [f"[{off}] id-rest"]
        if stem and stem not in words:
            ways.append('""')
        rules.append(f"{rule[stem]} ::= {' | '.join(ways)}")
    return "\n".join(rules) + "\n"
