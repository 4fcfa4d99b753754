local N = 200000
local function word(i) return i%3 == 0 and "fizz" or i%5 == 0 and "buzz" or "none" end
local function text(l,h)
  if l == h then return string.format("line %d: %s and %d;",l,word(l),l*l%1009) end
  local m = math.floor((l+h)/2)
  return text(l,m)..text(m+1,h)
end
local t = text(1,N)
local _,k = string.gsub(t,"fizz","")
print(string.format("(%d %d)",#t,k))
