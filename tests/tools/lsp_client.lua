-- What an editor gets from `ambit lsp`: Neovim's own client on the buffer it was started
-- with, one line for each thing asked. AMBIT names the program. tests/editors.t compares.
local buffer = vim.api.nvim_get_current_buf()

local function say(...)
  local words = {}
  for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
  io.stdout:write(table.concat(words, ' '), '\n')
end

local function until_it_is(what)
  if vim.wait(300000, what, 10) then return end
  say('waited in vain')
  vim.cmd('cquit')
end

local client = vim.lsp.start_client({ name = 'ambit', cmd = { os.getenv('AMBIT'), 'lsp' }, root_dir = vim.fn.getcwd() })
vim.lsp.buf_attach_client(buffer, client)

local function ask(what, line, column, more)
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(),
    position = { line = line, character = column },
  }
  for key, value in pairs(more or {}) do params[key] = value end
  local answer = vim.lsp.buf_request_sync(buffer, 'textDocument/' .. what, params, 300000)
  return answer and answer[client] and answer[client].result
end

local function place(range)
  return ('%d:%d-%d'):format(range.start.line, range.start.character, range['end'].character)
end

until_it_is(function() return #vim.diagnostic.get(buffer) > 0 end)
for _, d in ipairs(vim.diagnostic.get(buffer)) do
  say('diagnostic', ('%d:%d-%d'):format(d.lnum, d.col, d.end_col), (d.message:gsub('\n', '; ')))
end
say('hover', (ask('hover', 2, 3).contents.value:gsub('\n', ' ')))
say('definition', place(ask('definition', 2, 3).range))
local uses = {}
for _, use in ipairs(ask('references', 2, 3, { context = { includeDeclaration = true } })) do
  uses[#uses + 1] = place(use.range)
end
say('references', table.concat(uses, ' '))
local first = ask('completion', 2, 4)
first = (first.items or first)[1]
say('completion', first.label, first.detail)
vim.lsp.buf.formatting_sync({}, 300000)
say('formatted', vim.api.nvim_buf_get_lines(buffer, 4, 5, false)[1])
vim.api.nvim_buf_set_lines(buffer, 3, 4, false, { '!(area 2 4)' })
until_it_is(function() return #vim.diagnostic.get(buffer) == 0 end)
say('mended')
vim.lsp.stop_client(client)
until_it_is(function() return vim.lsp.client_is_stopped(client) end)
say('stopped')
vim.cmd('qall!')
