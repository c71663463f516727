"""What LaTeX the voice knows: environments, and macros by what they are in a formula."""

KINDS = ("lemma", "proposition", "theorem", "definition", "remark", "example", "situation", "exercise")
ENVIRONMENTS = (*KINDS, "proof", "enumerate", "itemize", "equation", "align*", "matrix")

# Macros that are one sign in a formula, and may be a script without braces.
_SIGNS = """
Cohstack Coim Coker Complexesstack Curvesstack Deformationcategory Delta Gamma Hilbfunctor Im Ker Lambda Leftrightarrow
Omega Phi Pi Picardfunctor Picardstack Polarizedstack Psi QCoh QCohstack Quotfunctor Rightarrow Sch Sigma Spacesstack
Theta Xi aleph alpha amalg ast beta boxtimes bullet cap cdot chi circ cup delta diamond downarrow ell emptyset epsilon
equiv eta etale exists forall gamma geq gg hookrightarrow in infty iota kappa lambda langle leadsto leftarrow
leftrightarrow leq ll longleftarrow longmapsto mapsto mid mu nabla natural neq nu omega oplus otimes partial perp phi pi
pm prime proetale psi rangle rho rightarrow setminus sharp sigma sim simeq star subset supset tau theta times to uparrow
upsilon varepsilon varphi vartheta vee wedge xi zeta
"""
# Those that are no script without braces: what they stand for has several parts.
_OPERATORS = """
CH Ext Hom Mor NL Ob Pic Sh SheafExt SheafHom Spec bigcap bigcup bigoplus bmod cdots colim cong coprod deg det dim exp
gcd int ldots lim log longrightarrow max min not prod quad sum sup
"""
_OTHERS = """
' " ` v textit textbf ref cite medskip noindent item text begin end label frac binom xrightarrow xleftarrow left right
big Big xymatrix ar vcenter { } # ! , \\
"""
SIGNS, OPERATORS = _SIGNS.split(), _OPERATORS.split()
FONTS = ("mathcal", "mathfrak", "mathbf", "mathbb", "mathit")
OVER = ("overline", "underline", "sqrt")
ACCENTS = ("tilde", "widetilde", "hat", "widehat", "bar", "check", "vec")
MACROS = frozenset((*SIGNS, *OPERATORS, *FONTS, *OVER, *ACCENTS, *_OTHERS.split(), " "))
