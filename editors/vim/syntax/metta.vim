" MeTTa: tokens as the reader of Ambit sees them; later rules go before earlier ones.
if exists('b:current_syntax')
  finish
endif
syntax case match
syntax sync minlines=200

syntax match mettaWord /[^[:space:]();]\+/ contains=NONE
syntax match mettaFunction /(\@1<=[^[:space:]();"$!][^[:space:]();]*/
syntax match mettaConstant /\v([^[:space:]()"])@1<!(True|False|Empty|Error|NotReducible|\%Undefined\%|Type|Atom|Symbol|Variable|Expression|Grounded|Number|Bool|String|PI|EXP)(([[:space:]();]|$))@=/
syntax match mettaSpace /\v([^[:space:]()"])@1<!\&[^[:space:]();]+/
syntax match mettaDocumentation /\v\(@1<=\@[a-z-]+(([[:space:]()]|$))@=/
syntax match mettaControl /\v\(@1<=(if|let\*?|case|switch|match|unify|chain|eval|evalc|function|return|superpose|collapse|collapse-bind|superpose-bind|once|receive|sealed|lambda|\|-\>|import!|include|bind!|pragma!|tabled!|empty|catch)(([[:space:]()]|$))@=/
syntax match mettaNumber /\v([^[:space:]()"])@1<![-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?(([[:space:]();]|$))@=/
syntax match mettaOperator /\v([^[:space:]()"])@1<!(\=|:|-\>|:\=|,)(([[:space:]();]|$))@=/
syntax match mettaEvaluate /\v([^[:space:]()"])@1<!!([[:space:](]|$)@=/
syntax match mettaVariable /\v([^[:space:]()"])@1<!\$[^[:space:]()#]*/
syntax match mettaEscape /\v\\(['"\\nrt]|x[0-7]\x|u\{\x{1,8}\})/ contained
syntax region mettaString start=/\v([^[:space:]()"])@1<!"/ skip=/\\./ end=/"/ contains=mettaEscape
syntax match mettaComment /;.*$/ contains=@Spell

highlight default link mettaFunction Function
highlight default link mettaConstant Constant
highlight default link mettaSpace Identifier
highlight default link mettaDocumentation SpecialComment
highlight default link mettaControl Statement
highlight default link mettaNumber Number
highlight default link mettaOperator Operator
highlight default link mettaEvaluate PreProc
highlight default link mettaVariable Identifier
highlight default link mettaEscape SpecialChar
highlight default link mettaString String
highlight default link mettaComment Comment

let b:current_syntax = 'metta'
