import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import clean
from corpora.errors import UserError


def book(*verses: str, name: str = "Ruth") -> str:
    numbered = [{"verse": str(number), "text": text} for number, text in enumerate(verses, 1)]
    return json.dumps({"book": name, "chapters": [{"chapter": "1", "verses": numbered}]})


def test_line_ends_of_every_system_become_one() -> None:
    assert clean.unix_newlines("\ufeffa\r\nb\rc\nd\r\r\n\n") == "a\nb\nc\nd\n\n\n"
    assert clean.unix_newlines("a\ufeff") == "a\ufeff"  # a byte-order mark stands at the beginning only


def test_a_tab_becomes_one_space() -> None:
    assert clean.tabs_to_spaces("Ruth 1:1\tNow\t\tit") == "Ruth 1:1 Now  it"


@given(st.text(alphabet="ab\r\n\ufeff "))
def test_nothing_but_line_ends_changes(text: str) -> None:
    cleaned = clean.unix_newlines(text)
    assert "\r" not in cleaned
    assert cleaned.split("\n") == re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))


def test_a_bible_book_becomes_one_verse_a_line() -> None:
    chapters = [
        {"chapter": "1", "verses": [{"verse": "1", "text": "Now."}, {"verse": "2", "text": "And."}]},
        {"chapter": "2", "verses": [{"verse": "1", "text": "Then."}]},
    ]
    text = json.dumps({"book": "1 Samuel", "chapters": chapters})
    assert clean.bible_book_json(text) == "1 Samuel 1:1\tNow.\n1 Samuel 1:2\tAnd.\n1 Samuel 2:1\tThen.\n"


@pytest.mark.parametrize(
    ("stray", "repaired"),
    [
        ("the LORD\u2019s house", "the LORD's house"),
        (" Cease ye  from man,\twhose ", "Cease ye from man, whose"),
        ("why shouldest thou ?", "why shouldest thou?"),
        ("fear thy God :for I am", "fear thy God: for I am"),
        ("Thou knowest , Do not ; kill !", "Thou knowest, Do not; kill!"),
        ("two lines\nof one verse .", "two lines of one verse."),
        ("he said: Go: and 3:16", "he said: Go: and 3:16"),
    ],
)
def test_stray_spacing_in_a_verse_is_repaired(stray: str, repaired: str) -> None:
    assert clean.bible_book_json(book(stray)) == f"Ruth 1:1\t{repaired}\n"


@pytest.mark.parametrize(
    "text", ["Now it came to pass", "", "[1, 2]", "null", '{"book": "Ruth"}', '{"book": "Ruth", "chapters": [{}]}']
)
def test_what_is_no_bible_book_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"not a Bible book in JSON \(book, chapters, verses, text\): "):
        clean.bible_book_json(text)


def spoken(*lines: str, speaker: str = "obama") -> list[str]:
    """Return the paragraphs that a speech of these lines has."""
    source = f'data/{speaker}/{speaker}_1.txt\n<title="Remarks">\n<date="May 1, 2011">\n\n' + "\n".join(lines)
    head, *paragraphs = clean.president_speech(source).removesuffix("\n").split("\n\n")
    assert head == f"Remarks\n{clean.SPEAKERS[speaker]}, May 1, 2011"
    return paragraphs


def test_a_speech_has_a_title_a_speaker_a_date_and_paragraphs() -> None:
    source = 'lbjohnson/1.txt\n<title="The Soldier\u2019s Day">\n<date="May 7, 1965">\nMy  friends:\n\n We won. \n'
    speech = "The Soldier's Day\nLyndon B. Johnson, May 7, 1965\n\nMy friends:\n\nWe won.\n"
    assert clean.president_speech(source) == speech


@pytest.mark.parametrize(
    ("line", "paragraphs"),
    [
        (
            "Hi! <applause> <Laughter.> <Laughter and applause>",
            ["Hi! (Applause.) (Laughter.) (Laughter and applause.)"],
        ),
        ("afterwards -- <laugh-ter> -- we", ["afterwards -- (Laughter.) -- we"]),
        ("<THE PRESIDENT:> Yes.", ["THE PRESIDENT: Yes."]),
        ("<The President.> Yes.", ["THE PRESIDENT: Yes."]),
        ("<President Reagan:> Yes.", ["PRESIDENT REAGAN: Yes."]),
        ("<Signed:> Jimmy Carter", ["Signed: Jimmy Carter"]),
        ("<AUDIENCE: Boo!>", ["(AUDIENCE: Boo!)"]),
        ("<Audience member faints.>", ["(Audience member faints.)"]),
        ("<AUDIENCE MEMBER: Insurance! <Laughter.>>", ["AUDIENCE MEMBER: Insurance! (Laughter.)"]),
        ("the minimum <sic>, the <highest>", ["the minimum [sic], the [highest]"]),
        ("Yes. <Q. Today?> Today.", ["Yes.", "Q. Today?", "Today."]),
        ("thy God. <Micah 6:8> This", ["thy God.", "Micah 6:8", "This"]),
        (f"now <to {'let contracts ' * 5}> will", ["now", f"to {'let contracts ' * 5}".strip(), "will"]),
        ("<em>Fuer</em> immer<br> <span style='x'>und</span> ewig", ["Fuer immer und ewig"]),
        (
            "na&iuml;ve &ndash; &hellip;\u201cso\u201d\u2014add 1\u00bd million",
            ['na\u00efve - ..."so"--add 1 1/2 million'],
        ),
    ],
)
def test_what_stands_in_angle_brackets_in_a_speech_is_written_out(line: str, paragraphs: list[str]) -> None:
    assert spoken(line) == paragraphs


@pytest.mark.parametrize(
    ("line", "paragraphs"),
    [
        ("at war.We won. In 1975.They left", ["at war.", "We won. In 1975.", "They left"]),
        ('"no new taxes."Let me', ['"no new taxes."', "Let me"]),
        ("(Applause.)So, it's", ["(Applause.)", "So, it's"]),
        ("on our way!It's here", ["on our way!", "It's here"]),
        ("the U. S.A. today", ["the U. S.A. today"]),
        ('come out."Mr. Lilienthal', ['come out."Mr. Lilienthal']),
        ("again!I feel", ["again!I feel"]),
    ],
)
def test_a_speech_has_its_lost_line_feeds_again(line: str, paragraphs: list[str]) -> None:
    assert spoken(line, speaker="bush") == paragraphs


def test_a_long_paragraph_is_not_said_twice_but_a_short_one_may_be() -> None:
    long, short = "We shall overcome. " * 7, "We shall overcome. " * 6
    assert spoken(long, short, long, short) == [long.strip(), short.strip(), short.strip()]


@pytest.mark.parametrize(
    "text", ["", "Good evening.", 'taft/1.txt\n<title="A">\n<date="B">\nC', 'obama/1.txt\n<date="B">\nC']
)
def test_what_is_no_speech_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"no speech with its file's name, <title=> and <date=> at its head"):
        clean.president_speech(text)


def test_an_award_file_loses_padding_tabs_addresses_and_telephone_numbers() -> None:
    source = (
        "Title       : Whales  \nInvestigator: Ann Lee lee@sea.edu  (Principal Investigator current)\n"
        "Sponsor     : U of Hawaii\n\t      Honolulu, HI  96822    808/956-7800\n\n\n\nAbstract    :\n \n   Text.\n\n"
    )
    assert clean.nsf_award(source) == (
        "Title       : Whales\nInvestigator: Ann Lee   (Principal Investigator current)\n"
        "Sponsor     : U of Hawaii\n              Honolulu, HI  96822\n\nAbstract    :\n\n   Text.\n"
    )


AWARD = """<?xml version="1.0" encoding="UTF-8"?>
<rootTag><Award>
<AwardTitle>Risk &amp;amp; Reward: A Study of Whether the Market?s Wrapped Titles Are Aligned</AwardTitle>
<AwardEffectiveDate>06/01/2008</AwardEffectiveDate><AwardExpirationDate>11/30/2012</AwardExpirationDate>
<AwardAmount>281167</AwardAmount><AwardInstrument><Value>Standard Grant</Value></AwardInstrument>
<Organization>
<Directorate><Abbreviation>ENG</Abbreviation><LongName>Directorate For Engineering</LongName></Directorate>
<Division><Abbreviation>CMMI</Abbreviation><LongName>Div Of Civil</LongName></Division>
</Organization>
<ProgramOfficer><SignBlockName>Edwin Romeijn</SignBlockName><PO_PHON>7032924949</PO_PHON></ProgramOfficer>
<AbstractNarration>First ? of &amp;lt;br/&amp;gt;all.&lt;br/&gt;&lt;br/&gt;Second \u201cline\u201d.</AbstractNarration>
<MaxAmdLetterDate>04/22/2008</MaxAmdLetterDate><AwardID>0800004</AwardID>
<Investigator><PI_FULL_NAME>Bo Li</PI_FULL_NAME><RoleCode>Former Co-Principal Investigator</RoleCode></Investigator>
<Investigator><PI_FULL_NAME>Al Chao</PI_FULL_NAME><EmailAddress>a@b.edu</EmailAddress>
<RoleCode>Principal Investigator</RoleCode></Investigator>
<Institution><Name>Oregon State</Name><CityName>CORVALLIS</CityName><StateCode>OR</StateCode></Institution>
<FoaInformation><Code>0308000</Code><Name>Industrial Technology</Name></FoaInformation>
<ProgramElement><Code>1786</Code><Text>MANFG SYSTEMS</Text></ProgramElement>
<ProgramElement><Code>H285</Code><Text/></ProgramElement>
<ProgramReference><Code>071E</Code></ProgramReference><ProgramReference><Code>9147</Code></ProgramReference>
</Award></rootTag>
"""
RECORD = """Title       : Risk & Reward: A Study of Whether the Market's Wrapped Titles Are
               Aligned
Type        : Award
NSF Org     : CMMI
Latest
Amendment
Date        : April 22,  2008
File        : a0800004

Award Number: 0800004
Award Instr.: Standard Grant
Prgm Manager: Edwin Romeijn
              CMMI DIV OF CIVIL
              ENG  DIRECTORATE FOR ENGINEERING
Start Date  : June 1,  2008
Expires     : November 30,  2012   (Estimated)
Expected
Total Amt.  : $281167             (Estimated)
Investigator: Al Chao (Principal Investigator current)
              Bo Li (Co-Principal Investigator former)
Sponsor     : Oregon State
              Corvallis, OR

NSF Program : 1786      MANFG SYSTEMS
              H285
Fld Applictn: 0308000   Industrial Technology
Program Ref : 071E,9147,
Abstract    :

              First -- of

              all.

              Second "line".
"""


def test_an_award_in_xml_is_laid_out_like_the_old_files() -> None:
    assert clean.nsf_award(AWARD) == RECORD


def test_an_award_without_people_sponsor_and_codes_leaves_their_fields_out() -> None:
    fields = "Investigator|Institution|FoaInformation|ProgramElement|ProgramReference"
    bare = re.sub(rf"<({fields})>.*?</\1>\s*", "", AWARD, flags=re.DOTALL)
    assert clean.nsf_award(bare) == re.sub(r"Investigator.*OR\n|NSF Pro.*9147,\n", "", RECORD, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("text", "message"), [("<?xml", "This is not XML: "), ("<?xml version='1.0'?><a/>", "no award")]
)
def test_xml_that_is_no_award_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        clean.nsf_award(text)


def test_an_essay_keeps_its_paragraphs_of_whole_sentences() -> None:
    source = (
        "Want to start a startup?  Get funded by Y Combinator. \n\nApril 2001 \n\nIn the summer\r\nof 1995 [3] I "
        "started\u2014with Robert&#39;s help. \n\n<!-- It\n\nwas. --> \n\nThe Secret Weapon \n\nDon't. [12]\n\n"
        "Notes \n\n[1] It is.\n\n Thanks to Bill Birch for reading drafts. \n\nRelated:"
    )
    assert clean.graham_essay(source) == "In the summer of 1995 I started--with Robert's help.\n\nDon't.\n\nIt is.\n\n"


def test_articles_are_taken_out_of_a_wiki_export() -> None:
    export = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo/>
    <page><title>AfD</title><redirect title="A" /><revision><text>#REDIRECT [[A]]</text></revision></page>
    <page><title>A</title><revision><text>'''A''' is&lt;br /&gt;\n* [[B]] &amp;amp; C.</text></revision></page>
    <page><title>B</title><revision><text>{{B}}</text></revision></page></mediawiki>"""
    assert clean.wiki_articles(export) == "= A =\n'''A''' is<br />\n* [[B]] &amp; C.\n\n\n= B =\n{{B}}\n"
    with pytest.raises(UserError, match="This is not XML: "):
        clean.wiki_articles("= A =")


def test_cleaners_run_in_the_order_given() -> None:
    text = book("And \u2019\tthis")
    assert clean.apply(["bible_book_json", "tabs_to_spaces"], text) == "Ruth 1:1 And ' this\n"
    assert clean.apply([], text) == text


def test_an_unknown_cleaner_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no cleaner named 'unix_newline'\. Did you mean 'unix_newlines'\? Known: bib"):
        clean.apply(["tabs_to_spaces", "unix_newline"], "text")
