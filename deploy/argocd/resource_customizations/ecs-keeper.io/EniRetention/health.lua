local conditions = {}
local observed = nil
if obj.status ~= nil then
  observed = obj.status.observedGeneration
  for _, condition in ipairs(obj.status.conditions or {}) do
    conditions[condition.type] = condition
  end
end
local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

if observed ~= obj.metadata.generation then
  return { status = "Progressing", message = "ecs-keeper has not observed this generation yet" }
end
if is_true("Stalled") then
  return { status = "Degraded", message = conditions["Stalled"].message }
end
local domain = conditions["Protected"] or conditions["Retained"]
if is_true("Ready") and domain ~= nil then
  local message = domain.message
  if is_true("AtRisk") then
    message = message .. " " .. conditions["AtRisk"].message
  end
  return { status = "Healthy", message = message }
end
if is_true("Reconciling") then
  return { status = "Progressing", message = conditions["Reconciling"].message }
end
return { status = "Progressing", message = "ecs-keeper has not set the conditions yet" }
