" Editing MeTTa: comments, words, layout by `ambit fmt` (gq, or = on a whole file).
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1
setlocal comments=:; commentstring=;\ %s
setlocal iskeyword=@,48-57,_,-,!,?,*,+,/,<,=,>,:,&,$,%,@-@
setlocal expandtab shiftwidth=2 softtabstop=2 textwidth=0
setlocal lisp lispwords=let,let*,match,case,switch,chain,unify,map-atom,filter-atom,foldl-atom
setlocal formatprg=ambit\ fmt\ - equalprg=ambit\ fmt\ -
let b:undo_ftplugin = 'setlocal comments< commentstring< iskeyword< expandtab<'
      \ . ' shiftwidth< softtabstop< textwidth< lisp< lispwords< formatprg< equalprg<'
